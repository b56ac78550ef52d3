import type { Command } from "commander";
import { wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface QuantizeFlags {
  type: string;
  threads?: number;
  allowRequantize?: boolean;
  json?: boolean;
}

/** `medilora quantize`: a float model to one of llama.cpp's quantisation types. */
export function quantizeCommand(command: Command, context: CliContext): Command {
  return command
    .description("quantise a GGUF model, byte for byte as llama.cpp does")
    .argument("[input]", "GGUF model in F32, F16 or BF16")
    .argument("[output]", "quantised GGUF model")
    .requiredOption("--type <type>", "such as Q3_K_L or Q4_K_M; list prints all")
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option("--allow-requantize", "take a quantised input too; its rounding errors add to the new ones")
    .option("--json", "print the result as JSON")
    .action(async (input: string | undefined, output: string | undefined, flags: QuantizeFlags) => {
      if (flags.type === "list") return listTypes(flags, context);
      if (input === undefined) command.error("error: missing required argument 'input'");
      if (output === undefined) command.error("error: missing required argument 'output'");
      await quantizeFile(input, output, flags, context);
    });
}

async function listTypes({ json }: QuantizeFlags, { out }: CliContext): Promise<void> {
  const { quantizeTypes } = await import("../../quantize/quantize.js");
  if (json) out.json({ types: quantizeTypes() });
  else out.data(quantizeTypes().join("\n"));
}

async function quantizeFile(
  input: string,
  output: string,
  { json, ...flags }: QuantizeFlags,
  { signal, out }: CliContext,
): Promise<void> {
  const [{ quantize }, { formatBytes }] = await Promise.all([
    import("../../quantize/quantize.js"),
    import("../../report/format.js"),
  ]);
  const meter = out.progress("quantize");
  const { bytes } = await quantize({
    input,
    output,
    ...flags,
    signal,
    onProgress: ({ done, total }) => meter.update(done, total, `${done}/${total} tensors`),
  });
  if (json) out.json({ output, type: flags.type, bytes });
  else out.data(`${output}: ${formatBytes(bytes)}, ${flags.type}`);
}
