import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError, MediloraError } from "../errors.js";
import type { TrainProgress } from "../train/progress.js";
import { eitherSignal } from "../train/run.js";
import { makeFolder } from "../util/folder.js";
import { lockFile } from "../util/lock.js";
import { stopIfAborted } from "../util/turn.js";
import { type Pipeline, resolvePipeline } from "./load.js";
import { inStep, Session } from "./session.js";
import { type StepRecord, writeState } from "./state.js";
import type { Step, StepContext } from "./step.js";
import { tunedModel } from "./steps.js";

/** A work folder holds what may be text of patients. */
const FOLDER_MODE = 0o700;

/** What runPipeline() reports. `step` is a step's id. */
export type PipelineProgress =
  | { type: "check" }
  | { type: "up-to-date"; step: string; index: number; steps: number }
  | { type: "start"; step: string; index: number; steps: number; resumed: boolean }
  /** `total` is 0 where it is not known. */
  | { type: "progress"; step: string; done: number; total: number; unit: string }
  | { type: "training"; step: string; event: TrainProgress }
  | { type: "warning"; step?: string; message: string }
  | { type: "done"; step: string; seconds: number; outputs: string[] };

/** How {@link runPipeline} runs. */
export interface PipelineOptions {
  /** A step's id, or the first part of it ("train"): it and what follows is done again even where nothing changed. */
  from?: string;
  /** Stops in order: training saves a checkpoint, answers are kept, and the next run goes on. */
  signal?: AbortSignal;
  /** The same, but a training finishes its running step first. */
  stop?: AbortSignal;
  /** Called as each step is looked at, begins, goes on and ends. */
  onProgress?: (progress: PipelineProgress) => void;
}

/** What {@link runPipeline} made. */
export interface PipelineResult {
  workDir: string;
  /** The trained model: quantised where the pipeline says so, else merged. */
  model: string;
  /** The page, where the pipeline asks for one. */
  report?: string;
  /** In their order; `seconds` is 0 for a step that was up to date. */
  steps: Array<{ id: string; state: "done" | "up-to-date"; seconds: number; outputs: string[] }>;
}

/**
 * Runs the steps of a pipeline that are not up to date: prepare, train, merge, quantize, eval, report.
 *
 * A step is up to date when its options, the contents of its inputs and medilora's version are those of the last run, and
 * its outputs are unchanged. What a stopped or killed run left is gone on from: a training from its newest checkpoint, an
 * evaluation from its answers; other steps begin anew. Each step writes into a folder of its own in `work_dir`, which is
 * emptied when it begins anew.
 * @param pipeline of parsePipeline(), or the path of a YAML file
 * @throws MediloraError with step and key in the message: `CONFIG_INVALID`, `ARGUMENT_INVALID` (from), `BUSY`,
 *   `FILE_NOT_FOUND` before anything is done, `ABORTED`, and what the steps throw
 */
export async function runPipeline(pipeline: Pipeline | string, options: PipelineOptions = {}): Promise<PipelineResult> {
  const resolved = await resolvePipeline(pipeline);
  const { onProgress } = options;
  const signal = eitherSignal(options);
  await makeFolder(resolved.work_dir, FOLDER_MODE);
  await using _lock = await lockFile(
    join(resolved.work_dir, ".lock"),
    `${resolved.work_dir} is in use by another pipeline`,
    "Wait for it or choose another work_dir",
  );
  const onNote = (message: string) => onProgress?.({ type: "warning", message });
  const session = await Session.open(resolved, { signal, onNote });
  const first = session.indexOf(options.from);
  onProgress?.({ type: "check" });
  await session.checkInputs();
  const results: PipelineResult["steps"] = [];
  for (const [index, step] of session.steps.entries())
    results.push(await new StepRun(session, step, index, { ...options, either: signal }).finish(index >= first));
  const report = session.steps.find(({ id }) => id === "report")?.outputs[0];
  return {
    workDir: resolved.work_dir,
    model: tunedModel(resolved, session.steps),
    ...(report !== undefined && { report }),
    steps: results,
  };
}

/** One step of a run. */
class StepRun {
  constructor(
    private readonly session: Session,
    private readonly step: Step,
    private readonly index: number,
    private readonly options: PipelineOptions & { either: AbortSignal },
  ) {}

  async finish(forced: boolean): Promise<PipelineResult["steps"][number]> {
    const { id, outputs } = this.step;
    const position = { step: id, index: this.index, steps: this.session.steps.length };
    try {
      stopIfAborted(this.options.either);
      const key = await this.session.keyOf(this.step);
      const { state } = forced ? { state: "to-do" } : await this.session.stateOf(this.step, key);
      if (state === "up-to-date") {
        this.options.onProgress?.({ type: "up-to-date", ...position });
        return { id, state: "up-to-date", seconds: 0, outputs };
      }
      const resume = state === "resume";
      this.options.onProgress?.({ type: "start", ...position, resumed: resume });
      const started = performance.now();
      await this.#work(key, resume);
      const seconds = (performance.now() - started) / 1000;
      this.options.onProgress?.({ type: "done", step: id, seconds, outputs });
      return { id, state: "done", seconds, outputs };
    } catch (error) {
      throw inStep(id, error);
    }
  }

  async #work(key: string, resume: boolean): Promise<void> {
    const { folder, run } = this.step;
    if (!resume) await this.#clear();
    await this.#record({ key, status: "started", outputs: {} });
    await makeFolder(folder, FOLDER_MODE);
    await run(this.#context(resume));
    await this.#record({ key, status: "done", outputs: await this.session.outputsOf(this.step) });
  }

  /** Only what a run made is removed: a file or folder of the same name may hold anything. */
  async #clear(): Promise<void> {
    const { id, folder } = this.step;
    const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      if (error.code === "ENOTDIR") return [folder];
      throw fileError(error, folder, "read");
    });
    if (this.session.state.steps[id] === undefined && entries.length > 0)
      throw new MediloraError(
        "FILE_WRITE",
        `${folder} is or holds what no run of this pipeline made. Move it away, or name another work_dir.`,
      );
    await rm(folder, { recursive: true, force: true });
  }

  async #record(record: StepRecord): Promise<void> {
    this.session.state.steps[this.step.id] = record;
    await writeState(this.session.pipeline.work_dir, this.session.state);
  }

  #context(resume: boolean): StepContext {
    const { signal, stop, either, onProgress } = this.options;
    const step = this.step.id;
    return {
      resume,
      ...(this.step.training ? { ...(signal && { signal }), ...(stop && { stop }) } : { signal: either }),
      onProgress: (progress) => onProgress?.({ type: "progress", step, ...progress }),
      onTraining: (event) => onProgress?.({ type: "training", step, event }),
      onWarning: (message) => onProgress?.({ type: "warning", step, message }),
    };
  }
}
