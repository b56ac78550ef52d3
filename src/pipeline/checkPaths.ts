import { realpathSync } from "node:fs";
import { sep } from "node:path";
import { MediloraError } from "../errors.js";
import type { Pipeline } from "./load.js";
import type { Step } from "./step.js";

/**
 * Refuses an input that the pipeline would remove or change: one in the folder of a step, which is emptied when the step
 * begins anew (a model of the last run as base_model), and a folder around that of a step, which differs after every run.
 * What an earlier step makes is no such input.
 * @throws MediloraError `CONFIG_INVALID` naming the key
 */
export function checkPaths(pipeline: Pick<Pipeline, "source">, steps: readonly Step[]): void {
  const maker = new Map(steps.flatMap(({ outputs }, index) => outputs.map((path) => [path, index] as const)));
  const folders = steps.map(({ id, folder }) => ({ id, folder: realPath(folder) }));
  for (const [index, { inputs }] of steps.entries())
    for (const { key, path } of inputs) {
      if ((maker.get(path) ?? index) < index) continue;
      const real = realPath(path);
      const near = folders.find(({ folder }) => holds(folder, real) || holds(real, folder));
      if (near === undefined) continue;
      const what = holds(near.folder, real)
        ? `${path} lies in ${near.folder}, which the step ${near.id} empties. Copy it`
        : `${path} holds ${near.folder}, where the step ${near.id} writes. Move the data`;
      throw new MediloraError(
        "CONFIG_INVALID",
        `${pipeline.source}, key ${key}: ${what} elsewhere, or name another work_dir.`,
      );
    }
}

function holds(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Without links, where the path exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
