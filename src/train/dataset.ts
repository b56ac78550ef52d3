import { type Tokenizer, tokenizeChatRow, tokenizeCompletionRow } from "../chat/tokenizeRow.js";
import type { DatasetConfig, TrainConfig } from "../config/schema.js";
import { checkNotEmpty, isChatRow, readRowLines, type TrainingRow } from "../data/rows.js";
import { isMediloraError, MediloraError } from "../errors.js";
import { sha256File, sha256Text } from "../util/hash.js";
import { SeededRandom } from "../util/random.js";
import type { TokenizedSample } from "./packing.js";

/** What training reads: tokenised samples, those held out for validation apart. */
export interface TrainingData {
  train: TokenizedSample[];
  validation: TokenizedSample[];
  /** Hash over the files' contents and how they are read. */
  sha256: string;
}

/**
 * Loads and tokenises the data sets of a configuration.
 * @throws MediloraError `CONTEXT_EXCEEDED` for a row longer than sequence_len, `DATA_INVALID` for a row of another type
 *         than the data set says or one that ChatML cannot hold, naming file and line; `DATA_EMPTY`; what reading the
 *         rows throws
 */
export async function loadTrainingData(
  tokenizer: Tokenizer,
  config: Pick<TrainConfig, "datasets" | "sequence_len" | "val_set_size" | "seed">,
): Promise<TrainingData> {
  const samples: TokenizedSample[] = [];
  const hashes: string[] = [];
  for (const dataset of config.datasets) {
    await tokenizeFile(tokenizer, dataset, config.sequence_len, samples);
    const span = dataset.type === "chatml" ? dataset.label_span : "";
    hashes.push(`${dataset.type} ${span} ${await sha256File(dataset.path)}`);
  }
  return { ...holdOut(samples, config.val_set_size, config.seed), sha256: sha256Text(hashes.join("\n")) };
}

/** Appends the samples of a data set. */
async function tokenizeFile(
  tokenizer: Tokenizer,
  dataset: DatasetConfig,
  sequenceLen: number,
  samples: TokenizedSample[],
): Promise<void> {
  let rows = 0;
  for await (const { row, number } of readRowLines(dataset.path)) {
    rows += 1;
    try {
      samples.push(...tokenizeRow(tokenizer, dataset, row, sequenceLen));
    } catch (error) {
      throw withPlace(error, dataset.path, number);
    }
  }
  checkNotEmpty(dataset.path, rows);
}

function tokenizeRow(
  tokenizer: Tokenizer,
  dataset: DatasetConfig,
  row: TrainingRow,
  sequenceLen: number,
): TokenizedSample[] {
  const expected = dataset.type === "chatml" ? "messages" : "text";
  if (isChatRow(row) !== (dataset.type === "chatml"))
    throw new MediloraError(
      "DATA_INVALID",
      `there is no field ${expected}, which type: ${dataset.type} needs. Set the data set's type.`,
    );
  if (!isChatRow(row)) return tokenizeCompletionRow(tokenizer, row, { sequenceLen });
  const labelSpan = dataset.type === "chatml" ? dataset.label_span : "turn";
  const sample = tokenizeChatRow(tokenizer, row, { labelSpan });
  if (sample.tokens.length > sequenceLen)
    throw new MediloraError(
      "CONTEXT_EXCEEDED",
      `${sample.tokens.length} tokens, sequence_len is ${sequenceLen}. ` +
        "Raise sequence_len (up to the model's context), or shorten or remove the row.",
    );
  return [sample];
}

/** Names file and line of a row, not its id: that may have been made from a name or a record number. */
export function withPlace(error: unknown, path: string, line: number): unknown {
  if (!isMediloraError(error)) return error;
  return new MediloraError(error.code, `${path}, line ${line}: ${error.message}`, { cause: error });
}

/** A seeded share of the samples for validation; at least one of each when a share is asked for. */
function holdOut(samples: TokenizedSample[], share: number, seed: number): Pick<TrainingData, "train" | "validation"> {
  if (share === 0) return { train: samples, validation: [] };
  const count = Math.max(1, Math.round(samples.length * share));
  if (count >= samples.length)
    throw new MediloraError(
      "DATA_EMPTY",
      `val_set_size ${share} of ${samples.length} samples leaves none to train on. Lower it or add data.`,
    );
  const order = new SeededRandom(seed).shuffle(samples.map((_, index) => index));
  const held = new Set(order.slice(0, count));
  return {
    train: samples.filter((_, index) => !held.has(index)),
    validation: samples.filter((_, index) => held.has(index)),
  };
}
