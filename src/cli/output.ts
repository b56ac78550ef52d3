import { ProgressMeter } from "./progress.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** What this module needs of a stream; process.stdout and process.stderr have it. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Whether to colour what goes to a stream. FORCE_COLOR decides where it is set ("0" and "false" mean no), as in Node
 * itself; after that NO_COLOR, no terminal and TERM=dumb each say no.
 * @see https://no-color.org and https://force-color.org
 */
export function useColor(stream: TextStream, env: Environment): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  return isLive(stream, env);
}

/** A terminal on which a line can be written anew. */
export function isLive(stream: TextStream, env: Environment): boolean {
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** Where a command writes: results to stdout, everything else to stderr. */
export class Output {
  readonly color: boolean;
  /** Set where a failed run had finished some of its work; with `--json`, what stands beside the error in the one document. */
  finished: object | undefined;
  #meter: ProgressMeter | undefined;

  constructor(
    private readonly stdout: TextStream,
    private readonly stderr: TextStream,
    private readonly env: Environment,
  ) {
    this.color = useColor(stdout, env);
  }

  /** Columns of the terminal behind stdout; 80 where there is none. */
  get columns(): number {
    return this.stdout.columns ?? 80;
  }

  /** Whether lines may be drawn with characters beyond ASCII. */
  get unicode(): boolean {
    return this.env.TERM !== "dumb";
  }

  /** Result text, with a newline behind it. */
  data(text: string): void {
    this.#meter?.clear();
    this.stdout.write(`${text}\n`);
  }

  /** The one JSON document of a `--json` run. */
  json(value: unknown): void {
    this.data(JSON.stringify(value, null, 2));
  }

  /** A line for the person who waits, on stderr. */
  note(text: string): void {
    this.#meter?.clear();
    this.stderr.write(`${text}\n`);
  }

  /** A meter on stderr: a live line on a terminal, else a line per 10%. It replaces the one before. */
  progress(label: string): ProgressMeter {
    this.#meter?.clear();
    this.#meter = new ProgressMeter(this.stderr, { label, live: isLive(this.stderr, this.env) });
    return this.#meter;
  }
}
