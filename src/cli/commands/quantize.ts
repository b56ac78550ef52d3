import { type Command, InvalidArgumentError } from "commander";
import type { TensorTypeRule } from "../../quantize/quantize.js";
import { gather, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface QuantizeFlags {
  type: string;
  imatrix?: string;
  tensorType?: TensorTypeRule[];
  outputTensorType?: string;
  tokenEmbeddingType?: string;
  pure?: boolean;
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
    .option("--imatrix <file>", "importance matrix of this model (medilora imatrix, llama-imatrix)")
    .option(
      "--tensor-type <pattern=type>",
      "type of the tensors whose names have the pattern in them; may be repeated, the first that fits counts",
      gather(tensorType),
    )
    .option("--output-tensor-type <type>", "type of output.weight")
    .option("--token-embedding-type <type>", "type of the token embeddings")
    .option("--pure", "one type for all tensors instead of llama.cpp's mix")
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

/** "attn_v=Q8_0". */
function tensorType(text: string): TensorTypeRule {
  const [, pattern, type] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (pattern !== undefined && type !== undefined) return { pattern, type };
  throw new InvalidArgumentError("It must be a part of tensor names and a type, such as attn_v=Q8_0.");
}

async function listTypes({ json }: QuantizeFlags, { out }: CliContext): Promise<void> {
  const { quantizeTypes } = await import("../../quantize/quantize.js");
  if (json) out.json({ types: quantizeTypes() });
  else out.data(quantizeTypes().join("\n"));
}

async function quantizeFile(
  input: string,
  output: string,
  { json, tensorType: tensorTypes, ...flags }: QuantizeFlags,
  { signal, out }: CliContext,
): Promise<void> {
  const [{ quantize }, { formatBytes }] = await Promise.all([
    import("../../quantize/quantize.js"),
    import("../../report/format.js"),
  ]);
  const meter = out.progress("quantize");
  const { bytes, warnings } = await quantize({
    input,
    output,
    ...flags,
    ...(tensorTypes && { tensorTypes }),
    signal,
    onProgress: ({ done, total }) => meter.update(done, total, `${done}/${total} tensors`),
  });
  for (const warning of warnings) out.note(`warning: ${warning}`);
  if (json) out.json({ output, type: flags.type, bytes, warnings });
  else out.data(`${output}: ${formatBytes(bytes)}, ${flags.type}`);
}
