import { type Command, Option } from "commander";
import type { LabelSpan } from "../../chat/chatml.js";
import type { TrainConfig } from "../../config/schema.js";
import { MediloraError } from "../../errors.js";
import type { NativeTokenizer } from "../../native/tokenizer.js";
import type { Batch } from "../../train/packing.js";
import { wholeNumber } from "../options.js";
import type { RowPreview, WantedRow } from "../previewRow.js";
import type { PreviewSequence } from "../previewText.js";
import type { CliContext } from "../run.js";

interface PreviewFlags {
  model?: string;
  sequenceLen?: number;
  labelSpan?: LabelSpan;
  batch: number;
  row?: number;
  id?: string;
  json?: boolean;
}

interface BatchPreview {
  batch: number;
  batches: number;
  sequences: PreviewSequence[];
}

/** `medilora preview`: one packed batch, or one row, with what carries loss. */
export function previewCommand(command: Command, { out }: CliContext): Command {
  return command
    .description("show a packed batch, or one row, and which tokens carry loss (prints text of the data)")
    .argument("<input>", "training rows (JSON lines), or a training configuration (.yaml)")
    .option("--model <file>", "GGUF model whose tokenizer is used; a configuration names its own")
    .option("--sequence-len <n>", "most tokens of one packed sequence", wholeNumber(2))
    .addOption(new Option("--label-span <span>", "what is learnt of an assistant turn").choices(["turn", "content"]))
    .option("--batch <n>", "which micro-batch of the first epoch, from 0", wholeNumber(0), 0)
    .addOption(
      new Option("--row <n>", "the n-th row of the data, from 1, by itself")
        .argParser(wholeNumber(1))
        .conflicts(["batch", "id"]),
    )
    .addOption(new Option("--id <id>", "the first row with this id, by itself").conflicts("batch"))
    .option("--json", "print the batch or the row as JSON")
    .action(async (input: string, flags: PreviewFlags) => {
      const config = await (isConfig(input) ? configured(input, flags) : rowsOnly(input, flags));
      const { row, id } = flags;
      const wanted: WantedRow | undefined = row !== undefined ? { row } : id !== undefined ? { id } : undefined;
      const preview = await (wanted === undefined ? previewBatch(config, flags) : previewRow(config, flags, wanted));
      if (flags.json) return out.json(preview);
      const { renderSequence } = await import("../previewText.js");
      out.data(
        `${title(preview)}: ${sums(preview.sequences)}; ${out.color ? "green carries loss, dim does not" : "⟦ ⟧ carries loss"}`,
      );
      for (const [index, sequence] of preview.sequences.entries())
        out.data(`${boundary(index, sequence)}\n${renderSequence(sequence, out.color).trimEnd()}`);
    });
}

function isConfig(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

async function configured(path: string, { sequenceLen, labelSpan }: PreviewFlags): Promise<TrainConfig> {
  const { loadConfigWith } = await import("../overrides.js");
  const config = await loadConfigWith(path, sequenceLen === undefined ? [] : [`sequence_len=${sequenceLen}`]);
  if (labelSpan === undefined) return config;
  const datasets = config.datasets.map((one) => (one.type === "chatml" ? { ...one, label_span: labelSpan } : one));
  return { ...config, datasets };
}

/** The configuration that trains on one file of rows, one sequence a micro-batch, in the file's own form. */
async function rowsOnly(path: string, flags: PreviewFlags): Promise<TrainConfig> {
  if (flags.model === undefined)
    throw new MediloraError("ARGUMENT_INVALID", "--model is missing: rows need a GGUF model to tokenise them.");
  const [{ parseTrainConfig }, { isChatRow, readRows }] = await Promise.all([
    import("../../config/load.js"),
    import("../../data/rows.js"),
  ]);
  const first = await readRows(path).next();
  const type = first.done || isChatRow(first.value) ? "chatml" : "completion";
  return parseTrainConfig({
    adapter: "lora",
    base_model: flags.model,
    datasets: [{ path, type }],
    sequence_len: flags.sequenceLen,
    label_span: flags.labelSpan,
    micro_batch_size: 1,
    gradient_accumulation_steps: 1,
    output_dir: ".",
  });
}

async function previewBatch(config: TrainConfig, flags: PreviewFlags): Promise<BatchPreview> {
  const [{ loadTrainingData }, { assembleBatch }, { previewSequences }] = await Promise.all([
    import("../../train/dataset.js"),
    import("../../train/packing.js"),
    import("../previewText.js"),
  ]);
  await using tokenizer = await openConfigTokenizer(config, flags);
  const { train } = await loadTrainingData(tokenizer, config);
  const { bins, batches } = await chooseBins(train, config, flags.batch);
  const batch: Batch = assembleBatch(train, bins);
  const sequences = previewSequences(batch, (tokens) => tokenizer.detokenize(tokens, { special: true }));
  return { batch: flags.batch, batches, sequences };
}

async function previewRow(config: TrainConfig, flags: PreviewFlags, wanted: WantedRow): Promise<RowPreview> {
  const { findRow } = await import("../previewRow.js");
  await using tokenizer = await openConfigTokenizer(config, flags);
  return await findRow(tokenizer, config, wanted);
}

async function openConfigTokenizer(config: TrainConfig, { model }: PreviewFlags): Promise<NativeTokenizer> {
  const [{ openTokenizer }, { tokenizerPath }] = await Promise.all([
    import("../../native/tokenizer.js"),
    import("../../train/openTrainer.js"),
  ]);
  return openTokenizer(model ?? tokenizerPath(config));
}

/** The bins of one micro-batch in the order in which training meets them, and the number of micro-batches. */
async function chooseBins(
  samples: Parameters<typeof import("../../train/packing.js").assembleBatch>[0],
  config: TrainConfig,
  index: number,
): Promise<{ bins: number[][]; batches: number }> {
  const { TrainingPlan } = await import("../../train/plan.js");
  const plan = new TrainingPlan(samples, config);
  const batches = Math.ceil(plan.bins.length / config.micro_batch_size);
  if (index >= batches)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `--batch ${index}: there are ${batches} micro-batches, 0 to ${batches - 1}.`,
    );
  const accumulation = config.gradient_accumulation_steps;
  const bins = plan.microBatches(Math.floor(index / accumulation))[index % accumulation];
  return { bins: bins ?? [], batches };
}

function title(preview: BatchPreview | RowPreview): string {
  if ("batch" in preview) return `micro-batch ${preview.batch} (0 to ${preview.batches - 1})`;
  return `row ${preview.row}, ${preview.file}, line ${preview.line}`;
}

function sums(sequences: readonly PreviewSequence[]): string {
  const sum = (of: (sequence: PreviewSequence) => number) => sequences.reduce((total, one) => total + of(one), 0);
  return `${sequences.length} sequences, ${sum(({ tokens }) => tokens)} tokens, ${sum(({ labels }) => labels)} with loss`;
}

function boundary(index: number, { tokens, labels }: PreviewSequence): string {
  return `--- sequence ${index}: ${tokens} tokens, ${labels} with loss ---`;
}
