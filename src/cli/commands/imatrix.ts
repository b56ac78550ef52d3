import type { Command } from "commander";
import { wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface ImatrixFlags {
  data: string[];
  output: string;
  chunkSize?: number;
  chunks?: number;
  threads?: number;
  json?: boolean;
}

/** `medilora imatrix`: which columns of a model's weights matter, for `quantize --imatrix`. */
export function imatrixCommand(command: Command, { signal, out }: CliContext): Command {
  return command
    .description("make the importance matrix of a model from calibration text")
    .argument("<model>", "GGUF model, the float one that is to be quantised")
    .requiredOption("--data <files...>", "texts, and training rows as .jsonl")
    .requiredOption("--output <file>", "importance matrix (GGUF); a stopped run goes on from <file>.partial")
    .option("--chunk-size <tokens>", "tokens that are computed together (default: 512)", wholeNumber(16))
    .option("--chunks <n>", "take the first n chunks only", wholeNumber(1))
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option("--json", "print the result as JSON")
    .action(async (model: string, { json, ...flags }: ImatrixFlags) => {
      const [{ makeImatrix }, { formatBytes, formatCount }] = await Promise.all([
        import("../../quantize/imatrix.js"),
        import("../../report/format.js"),
      ]);
      const meter = out.progress("imatrix");
      const result = await makeImatrix({
        model,
        ...flags,
        signal,
        onProgress: ({ done, total }) => meter.update(done, total, `${done}/${total} chunks`),
      });
      for (const warning of result.warnings) out.note(`warning: ${warning}`);
      const { bytes, tensors, chunks, chunkSize } = result;
      if (json) out.json({ output: flags.output, ...result });
      else
        out.data(
          `${flags.output}: ${formatBytes(bytes)}, ${tensors} tensors over ${formatCount(chunks)} chunks of ${chunkSize} tokens`,
        );
    });
}
