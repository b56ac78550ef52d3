import type { Command } from "commander";
import type { ConvertedAdapter } from "../../adapter/importPeft.js";
import type { CliContext } from "../run.js";

interface AdapterFlags {
  base: string;
  output: string;
  baseModel?: string;
  json?: boolean;
}

/** `medilora adapter <what>`: adapters from and to Hugging Face's PEFT. */
export function adapterCommand(command: Command, context: CliContext): Command {
  command.description("convert LoRA adapters from and to Hugging Face's PEFT");
  command
    .command("import")
    .description("a PEFT adapter to GGUF")
    .argument("<folder>", "holds adapter_config.json and adapter_model.safetensors")
    .requiredOption("--base <file>", "GGUF of the model that the adapter was trained on, in any quantisation")
    .requiredOption("--output <file>", "the adapter as GGUF")
    .option("--json", "print the result as JSON")
    .action((input: string, flags: AdapterFlags) => importAdapter(input, flags, context));
  command
    .command("export")
    .description("a GGUF adapter to one that PEFT loads")
    .argument("<adapter>", "GGUF adapter")
    .requiredOption("--base <file>", "GGUF of the model that the adapter was trained on, in any quantisation")
    .requiredOption("--output <folder>", "for adapter_config.json and adapter_model.safetensors")
    .option("--base-model <name>", "base_model_name_or_path (default: what an import kept, else null)")
    .option("--json", "print the result as JSON")
    .action((input: string, flags: AdapterFlags) => exportAdapter(input, flags, context));
  return command;
}

async function importAdapter(input: string, flags: AdapterFlags, context: CliContext): Promise<void> {
  const { importPeftAdapter } = await import("../../adapter/importPeft.js");
  const { base, output } = flags;
  await report(flags, context, (progress) => importPeftAdapter({ input, base, output, ...progress }));
}

async function exportAdapter(input: string, flags: AdapterFlags, context: CliContext): Promise<void> {
  const { exportPeftAdapter } = await import("../../adapter/exportPeft.js");
  const { json, ...options } = flags;
  await report(flags, context, (progress) => exportPeftAdapter({ input, ...options, ...progress }));
}

interface Progress {
  signal: AbortSignal;
  onProgress: (progress: { done: number; total: number }) => void;
}

async function report(
  { output, json }: AdapterFlags,
  { signal, out }: CliContext,
  convert: (progress: Progress) => Promise<ConvertedAdapter>,
): Promise<void> {
  const meter = out.progress("adapter");
  const onProgress: Progress["onProgress"] = ({ done, total }) => meter.update(done, total, `${done}/${total} tensors`);
  const result = await convert({ signal, onProgress });
  if (json) return out.json({ output, ...result });
  const { formatBytes } = await import("../../report/format.js");
  const { bytes, modules, alpha, ranks } = result;
  const rank = ranks[0] === ranks[1] ? `rank ${ranks[0]}` : `ranks ${ranks[0]} to ${ranks[1]}`;
  out.data(`${output}: ${formatBytes(bytes)}, ${modules} layers adapted, ${rank}, alpha ${alpha}`);
}
