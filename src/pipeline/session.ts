import { relative } from "node:path";
import { suggest } from "../config/suggest.js";
import { isMediloraError, MediloraError } from "../errors.js";
import { quantizeTypes } from "../quantize/quantize.js";
import { FileHashes } from "../util/fileHashes.js";
import { sha256Text } from "../util/hash.js";
import { packageVersion } from "../util/version.js";
import { checkPaths } from "./checkPaths.js";
import type { Pipeline } from "./load.js";
import { type PipelineState, readState, type StepRecord } from "./state.js";
import type { Step } from "./step.js";
import { stepsOf } from "./steps.js";

/** Whether a run would do a step, and why it is not up to date. */
export interface StepState {
  state: "up-to-date" | "to-do" | "resume";
  reason?: string;
}

/** A pipeline's steps and what was done of them. */
export class Session {
  readonly #hashes: FileHashes;
  readonly #made: ReadonlyMap<string, string>;

  private constructor(
    readonly pipeline: Pipeline,
    readonly steps: readonly Step[],
    readonly state: PipelineState,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#hashes = new FileHashes(state.files);
    this.#made = new Map(steps.flatMap(({ id, outputs }) => outputs.map((path) => [path, id] as const)));
  }

  /** @throws MediloraError `CONFIG_INVALID`, `DATA_INVALID`, `FILE_READ` */
  static async open(
    pipeline: Pipeline,
    { signal, onNote }: { signal?: AbortSignal | undefined; onNote?: ((note: string) => void) | undefined },
  ): Promise<Session> {
    checkTypes(pipeline);
    const steps = stepsOf(pipeline, onNote);
    checkPaths(pipeline, steps);
    return new Session(pipeline, steps, await readState(pipeline.work_dir, pipeline.name), signal);
  }

  /** Position of the step, or of the first of the group ("train"), from which everything is done again; without a name, behind the last. */
  indexOf(name: string | undefined): number {
    if (name === undefined) return this.steps.length;
    const index = this.steps.findIndex(({ id }) => id === name || id.startsWith(`${name}.`));
    if (index >= 0) return index;
    const ids = this.steps.map(({ id }) => id);
    const near = suggest(name, ids);
    const hint = near === undefined ? `The steps are ${ids.join(", ")}.` : `Did you mean ${near}?`;
    throw new MediloraError("ARGUMENT_INVALID", `from: the pipeline has no step of that name. ${hint}`);
  }

  /** Ids of the steps whose outputs this one reads. */
  producersOf(step: Step): string[] {
    return [...new Set(step.inputs.flatMap(({ path }) => this.#made.get(path) ?? []))];
  }

  /**
   * Reads every input that no step makes, so that a missing one shows before hours of work.
   * @throws MediloraError naming step and key; `ABORTED`
   */
  async checkInputs(): Promise<void> {
    for (const step of this.steps)
      for (const input of step.inputs) if (!this.#made.has(input.path)) await this.#hashOf(step, input);
  }

  /** Hash of all that decides a step's result. Its inputs must be there. */
  async keyOf(step: Step): Promise<string> {
    const inputs: string[] = [];
    for (const input of step.inputs) inputs.push(await this.#hashOf(step, input));
    return sha256Text(JSON.stringify([packageVersion(), step.id, step.options, inputs]));
  }

  /** Hashes of a step's outputs by their names in the work folder. */
  async outputsOf(step: Step): Promise<Record<string, string>> {
    const hashes: Record<string, string> = {};
    for (const path of step.outputs) hashes[this.#nameOf(path)] = await this.#hashes.of(path, this.signal);
    return hashes;
  }

  /** Whether the last run's result still stands; `key` is of {@link keyOf}. */
  async stateOf(step: Step, key: string): Promise<StepState> {
    const record = this.state.steps[step.id];
    if (record === undefined) return { state: "to-do", reason: "not done yet" };
    if (record.key !== key) return { state: "to-do", reason: "options, inputs or version changed" };
    if (record.status === "started") return { state: "resume", reason: "was interrupted" };
    if (await this.#isIntact(step, record)) return { state: "up-to-date" };
    return { state: "to-do", reason: "its output is missing or was changed" };
  }

  async #isIntact(step: Step, record: StepRecord): Promise<boolean> {
    for (const path of step.outputs) {
      const now = await this.#hashes.of(path, this.signal).catch((error: unknown) => {
        if (isMediloraError(error) && error.code === "FILE_NOT_FOUND") return undefined;
        throw error;
      });
      if (now === undefined || now !== record.outputs[this.#nameOf(path)]) return false;
    }
    return true;
  }

  #nameOf(path: string): string {
    return relative(this.pipeline.work_dir, path);
  }

  async #hashOf(step: Step, { key, path }: Step["inputs"][number]): Promise<string> {
    return this.#hashes.of(path, this.signal).catch((error: unknown) => {
      throw inStep(step.id, error, key);
    });
  }
}

/** The error with the step, and the key where there is one, in front. */
export function inStep(id: string, error: unknown, key?: string): unknown {
  if (!isMediloraError(error)) return error;
  if (error.code === "ABORTED")
    return new MediloraError("ABORTED", `Stopped on request in step ${id}. The same command goes on from there.`, {
      cause: error,
    });
  const where = key === undefined ? `Step ${id}` : `Step ${id}, key ${key}`;
  return new MediloraError(error.code, `${where}: ${error.message}`, { cause: error });
}

/** A wrong type would show after the training only. */
function checkTypes(pipeline: Pipeline): void {
  const known = quantizeTypes();
  const wanted = { quantize_base: pipeline.quantize_base, "quantize.type": pipeline.quantize?.type };
  for (const [key, type] of Object.entries(wanted)) {
    if (type === undefined || known.includes(type)) continue;
    const near = suggest(type, known);
    throw new MediloraError(
      "CONFIG_INVALID",
      `${pipeline.source}, key ${key}: is no quantisation type. ${near ? `Did you mean ${near}?` : "medilora quantize --type list prints them."}`,
    );
  }
}
