import type { Command } from "commander";
import { wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface PerplexityFlags {
  data: string[];
  against?: string;
  chunkSize?: number;
  chunks?: number;
  threads?: number;
  scores?: string;
  overwrite?: boolean;
  json?: boolean;
}

/** `medilora perplexity`: how well a model predicts a text, and what quantisation changed. */
export function perplexityCommand(command: Command, { signal, out }: CliContext): Command {
  return command
    .description("measure a model's perplexity, and its distance from the float model")
    .argument("<model>", "GGUF model")
    .requiredOption("--data <files...>", "texts, and training rows as .jsonl")
    .option("--against <model>", "the float model that it was quantised from: KL divergence, changes of p")
    .option(
      "--chunk-size <tokens>",
      "tokens of a chunk, of which the second half is scored (default: 512)",
      wholeNumber(16),
    )
    .option("--chunks <n>", "take the first n chunks only", wholeNumber(1))
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option("--scores <file>", "keep each chunk's scores as JSON lines; the same command goes on from it")
    .option("--overwrite", "begin the scores file anew")
    .option("--json", "print the result as JSON")
    .action(async (model: string, { json, scores, ...flags }: PerplexityFlags) => {
      const [{ measurePerplexity }, { perplexityTable }] = await Promise.all([
        import("../../quantize/perplexity.js"),
        import("../../report/perplexityTable.js"),
      ]);
      const meter = out.progress("perplexity");
      const result = await measurePerplexity({
        model,
        ...flags,
        ...(scores !== undefined && { scoresFile: scores }),
        signal,
        onProgress: ({ done, total, perplexity }) =>
          meter.update(done, total, `${done}/${total} chunks, ${perplexity.toFixed(3)} so far`),
      });
      if (json) out.json(result);
      else out.data(perplexityTable(result, { unicode: out.unicode }));
    });
}
