import { type Command, CommanderError } from "commander";
import { fileError, isMediloraError, type MediloraError } from "../errors.js";
import { Output } from "./output.js";

/** What every command gets. One whose result is itself a failure, such as a check, sets process.exitCode. */
export interface CliContext {
  /** Aborted by the first SIGINT or SIGTERM. */
  signal: AbortSignal;
  /**
   * For a command whose work has natural ends: the first SIGINT then aborts only the returned signal, and a second one,
   * or a SIGTERM, aborts `signal`.
   * @param what will be finished, for the person who waits
   */
  finishOnInterrupt: (what: string) => AbortSignal;
  out: Output;
}

export const EXIT = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

interface Failure {
  code: string;
  message: string;
  exitCode: number;
}

/**
 * Runs one command line and sets process.exitCode: 0, 1 for a failure, 2 for a wrong command line, 130 after SIGINT or
 * SIGTERM. The first signal stops the work in order, a second one ends the process at once. A command may ask for a first
 * SIGINT of its own before these two ({@link CliContext.finishOnInterrupt}).
 * @param build makes the command; called once, with the context that its actions use
 * @param args  without the executable and the script
 */
export async function run(build: (context: CliContext) => Command, args: readonly string[]): Promise<void> {
  const out = new Output(process.stdout, process.stderr, process.env);
  const lost = watchStreams(out);
  const controller = new AbortController();
  const gentle = new AbortController();
  let finishing: string | undefined;
  const interrupt = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    if (finishing !== undefined && name === "SIGINT" && !gentle.signal.aborted) {
      out.note(`medilora: finishing ${finishing}; press again to drop it`);
      gentle.abort(new Error("interrupted"));
      return;
    }
    out.note("medilora: stopping; press again to stop at once");
    controller.abort(new Error("interrupted"));
  };
  const finishOnInterrupt = (what: string): AbortSignal => {
    finishing = what;
    return gentle.signal;
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, interrupt);
  try {
    const command = quiet(build({ signal: controller.signal, finishOnInterrupt, out }));
    await command.parseAsync(args, { from: "user" });
    process.exitCode = lost.error === undefined ? (process.exitCode ?? EXIT.ok) : EXIT.failure;
  } catch (error) {
    process.exitCode = report(error, {
      out,
      json: wantsJson(args),
      interrupted: controller.signal.aborted || gentle.signal.aborted,
    });
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, interrupt);
  }
}

/**
 * Text that cannot be written fails the command, with a line on stderr instead of a stack. A reader that went away
 * (`medilora preview ... | head`) is no failure: the rest of the text is dropped.
 * @returns where the first error is put; it may come before the command ends, or after it
 */
function watchStreams(out: Output): { error?: MediloraError } {
  const lost: { error?: MediloraError } = {};
  for (const [name, stream] of [["stdout", process.stdout] as const, ["stderr", process.stderr] as const])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || lost.error !== undefined) return;
      lost.error = fileError(error, name, "write");
      process.exitCode = EXIT.failure;
      out.note(`medilora: ${lost.error.message} [${lost.error.code}]`);
    });
  return lost;
}

/** Lets commander throw instead of exiting and printing errors itself, in every command of the tree. */
function quiet(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => {} });
  checkRequiredLast(command);
  for (const child of command.commands) quiet(child);
  return command;
}

/** By itself commander complains of the missing `--base` where somebody wrote `--bsae`, and not of that. */
function checkRequiredLast(command: Command): void {
  const required = command.options.filter(({ mandatory }) => mandatory);
  for (const option of required) option.makeOptionMandatory(false);
  command.hook("preAction", () => {
    const missing = required.find((option) => command.getOptionValue(option.attributeName()) === undefined);
    if (missing) command.error(`error: required option '${missing.flags}' not specified`);
  });
}

/** Usage errors arise before the options are parsed, so the arguments themselves are asked. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--json");
}

function report(error: unknown, options: { out: Output; json: boolean; interrupted: boolean }): number {
  const { out, json, interrupted } = options;
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  // Help that nobody asked for: a command group without a command. Commander has printed it to stderr.
  if (error instanceof CommanderError && error.code === "commander.help" && !json) return EXIT.usage;
  const { code, message, exitCode } = describe(error, interrupted, out.finished !== undefined);
  if (json) out.json({ ...out.finished, error: { code, message } });
  else out.note(`medilora: ${message} [${code}]`);
  if (process.env.MEDILORA_DEBUG === "1" && error instanceof Error) out.note(stackOf(error));
  return exitCode;
}

function describe(error: unknown, interrupted: boolean, isPartlyDone: boolean): Failure {
  if (error instanceof CommanderError) {
    const message = error.code === "commander.help" ? "a command is missing; see --help" : usageMessage(error.message);
    return { code: "ARGUMENT_INVALID", message, exitCode: EXIT.usage };
  }
  if (isMediloraError(error)) {
    const { code, message } = error;
    if (code === "ABORTED" && interrupted) return { code, message, exitCode: EXIT.interrupted };
    return { code, message, exitCode: code === "ARGUMENT_INVALID" && !isPartlyDone ? EXIT.usage : EXIT.failure };
  }
  // The message of a foreign error may quote what it was given, so only its kind is shown.
  const kind = error instanceof Error ? error.name : typeof error;
  return {
    code: "INTERNAL",
    message: `Unexpected failure (${kind}). Run again with MEDILORA_DEBUG=1 and report what it prints.`,
    exitCode: EXIT.failure,
  };
}

/** Commander's "error: ...\n(Did you mean ...?)" as one line. */
function usageMessage(text: string): string {
  return text
    .replace(/^error: /, "")
    .replaceAll(/\s*\n\s*/g, " ")
    .trim();
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\nCaused by: ${stackOf(error.cause)}` : own;
}
