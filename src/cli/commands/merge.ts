import { type Command, Option } from "commander";
import type { MergeOptions } from "../../adapter/merge.js";
import { decimalNumber, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

type MergeFlags = Pick<MergeOptions, "base" | "adapter" | "output" | "type" | "scale" | "threads"> & { json?: boolean };

/** `medilora merge`: an adapter into its base model. */
export function mergeCommand(command: Command, { signal, out }: CliContext): Command {
  return command
    .description("merge a LoRA adapter into its base model")
    .requiredOption("--base <file>", "GGUF base model; F32, F16 or BF16 give the exact merge")
    .requiredOption("--adapter <file>", "GGUF adapter that was trained on this base")
    .requiredOption("--output <file>", "merged GGUF model")
    .addOption(
      new Option("--type <type>", "type of the merged matrices (default: the base's own float type, else F16)").choices(
        ["F32", "F16", "BF16"],
      ),
    )
    .option("--scale <x>", "multiplies the adapter's own alpha / r (default: 1)", decimalNumber)
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option("--json", "print the result as JSON")
    .action(async ({ json, ...flags }: MergeFlags) => {
      const [{ mergeAdapter }, { formatBytes }] = await Promise.all([
        import("../../adapter/merge.js"),
        import("../../report/format.js"),
      ]);
      const meter = out.progress("merge");
      const result = await mergeAdapter({
        ...flags,
        signal,
        onProgress: ({ done, total }) => meter.update(done, total, `${done}/${total} tensors`),
      });
      for (const warning of result.warnings) out.note(`warning: ${warning}`);
      if (json) out.json({ output: flags.output, ...result });
      else
        out.data(
          `${flags.output}: ${formatBytes(result.bytes)}, ${result.mergedTensors} tensors merged, ${result.type}`,
        );
    });
}
