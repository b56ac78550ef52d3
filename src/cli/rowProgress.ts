import type { PrepareProgress, ProgressOptions } from "../data/progress.js";
import type { ProgressMeter } from "./progress.js";
import type { CliContext } from "./run.js";

/** What a command on data passes on: the signal, and a meter of rows on stderr, whose number is not known before. */
export function rowWork({ signal, out }: CliContext): Required<ProgressOptions> {
  let meter: ProgressMeter | undefined;
  let current: PrepareProgress["phase"] | undefined;
  return {
    signal,
    onProgress: ({ phase, rows }) => {
      if (meter === undefined || phase !== current) meter = out.progress(phase);
      current = phase;
      meter.count(rows, "rows");
    },
  };
}
