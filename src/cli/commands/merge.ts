import { type Command, Option } from "commander";
import type { MergeOptions } from "../../adapter/merge.js";
import { type AdapterFlag, decimalNumber, gather, parseAdapter, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

type MergeFlags = Pick<MergeOptions, "base" | "output" | "type" | "scale" | "quantize" | "threads"> & {
  adapter: AdapterFlag[];
  json?: boolean;
};

/** `medilora merge`: adapters into their base model. */
export function mergeCommand(command: Command, context: CliContext): Command {
  return command
    .description("merge LoRA adapters into their base model")
    .requiredOption("--base <file>", "GGUF base model; F32, F16 or BF16 give the exact merge")
    .requiredOption(
      "--adapter <file[:weight]>",
      "GGUF adapter that was trained on this base; several times for a weighted sum",
      gather(parseAdapter),
    )
    .requiredOption("--output <file>", "merged GGUF model")
    .addOption(
      new Option("--type <type>", "type of the merged matrices (default: the base's own float type, else F16)").choices(
        ["F32", "F16", "BF16"],
      ),
    )
    .option("--quantize <type>", "write the merged model quantised, such as Q3_K_L, and no float file")
    .option("--scale <x>", "multiplies every adapter's weight (default: 1)", decimalNumber)
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option("--json", "print the result as JSON")
    .action((flags: MergeFlags) => merge(flags, context));
}

async function merge({ json, ...flags }: MergeFlags, { signal, out }: CliContext): Promise<void> {
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
  if (json) return out.json({ output: flags.output, ...result });
  const type = flags.quantize ?? result.type;
  out.data(`${flags.output}: ${formatBytes(result.bytes)}, ${result.mergedTensors} tensors merged, ${type}`);
}
