import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fileError, MediloraError } from "../errors.js";
import { writeFileAtomic } from "../util/atomicFile.js";

const stepSchema = z.object({
  /** Hash of everything that decides the step's result. */
  key: z.string(),
  status: z.enum(["started", "done"]),
  /** SHA-256 by name in the work folder. */
  outputs: z.record(z.string(), z.string()),
});

const stateSchema = z.object({
  format: z.literal(1),
  pipeline: z.string(),
  steps: z.record(z.string(), stepSchema),
  files: z.record(z.string(), z.object({ stamp: z.string(), sha256: z.string() })),
});

export type StepRecord = z.output<typeof stepSchema>;
export type PipelineState = z.output<typeof stateSchema>;

/** Name of the file in the work folder that says what was done; it holds hashes and paths, no data. */
const STATE_FILE = "pipeline.json";

/**
 * What was done in a work folder; nothing where there is no state file.
 * @throws MediloraError `FILE_READ`; `DATA_INVALID` for a damaged file; `CONFIG_INVALID` when it is another pipeline's
 */
export async function readState(workDir: string, pipeline: string): Promise<PipelineState> {
  const path = join(workDir, STATE_FILE);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw fileError(error, path, "read");
  });
  if (text === undefined) return { format: 1, pipeline, steps: {}, files: {} };
  const state = parse(text);
  if (state === undefined)
    throw new MediloraError("DATA_INVALID", `${path} is damaged. Delete the folder ${workDir} to begin anew.`);
  if (state.pipeline !== pipeline)
    throw new MediloraError(
      "CONFIG_INVALID",
      `${workDir} holds the work of the pipeline ${state.pipeline}. Name another work_dir, or set name: ${state.pipeline}.`,
    );
  return state;
}

function parse(text: string): PipelineState | undefined {
  try {
    return stateSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** @throws MediloraError `FILE_WRITE`, `DISK_FULL` */
export async function writeState(workDir: string, state: PipelineState): Promise<void> {
  await writeFileAtomic(join(workDir, STATE_FILE), `${JSON.stringify(state, null, 1)}\n`);
}
