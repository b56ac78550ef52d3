import { readFile } from "node:fs/promises";
import type { Tokenizer } from "../chat/tokenizeRow.js";
import type { Output } from "../cli/output.js";
import { pubmedqaMessages } from "../data/pubmedqa.js";
import { loadPubMedQA, type PubMedQARecord, preparePubMedQA, renderChatML } from "../index.js";
import { openTokenizer } from "../native/tokenizer.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import { type Files, heading, wrote } from "./files.js";
import { ANSWER, ANSWER_TOKENS, CONTEXT, SEED } from "./settings.js";

/** Share of the records that is kept for the evaluation. */
const HELD_OUT_SHARE = 0.2;

export interface DataCounts {
  trained: number;
  heldOut: number;
  /** Records that the model's context cannot hold. */
  leftOut: number;
}

/** Step 2: the records that fit the model, four fifths as training rows, one fifth held out. */
export async function prepareData(out: Output, source: string, files: Files): Promise<DataCounts> {
  heading(out, "Prepare the questions");
  const { input, leftOut, kept } = await recordsThatFit(out, source, files);
  const { outputs } = await preparePubMedQA({
    input,
    output: files.trainRows,
    evalOutput: files.heldOut,
    evalSize: Math.max(1, Math.round(kept * HELD_OUT_SHARE)),
    answer: ANSWER,
    seed: SEED,
  });
  for (const { path, kind, rows, ...sizes } of outputs) {
    if (!("labels" in sizes)) continue;
    const counts = Object.entries(sizes.labels).map(([label, count]) => `${count} ${label}`);
    wrote(out, path, `${rows} ${kind === "train" ? "to train" : "held out"} (${counts.join(", ")})`);
  }
  const rowsOf = (kind: string) => outputs.find((one) => one.kind === kind)?.rows ?? 0;
  return { trained: rowsOf("train"), heldOut: rowsOf("eval"), leftOut };
}

/** Training and evaluation refuse what is too long; here it is left out, by name, before both. */
async function recordsThatFit(
  out: Output,
  source: string,
  files: Files,
): Promise<{ input: string; leftOut: number; kept: number }> {
  const records = await loadPubMedQA(source);
  await using tokenizer = await openTokenizer(files.base);
  const long = records.filter((record) => tokensNeeded(tokenizer, record) > CONTEXT).map(({ id }) => id);
  const kept = records.length - long.length;
  if (long.length === 0) return { input: source, leftOut: 0, kept };
  const all = JSON.parse(await readFile(source, "utf8")) as Record<string, unknown>;
  for (const id of long) delete all[id];
  await writeFileAtomic(files.records, JSON.stringify(all));
  out.data(`   left out, since they need more than the model's ${CONTEXT} tokens: ${long.join(", ")}`);
  wrote(out, files.records, `the other ${kept} records`);
  return { input: files.records, leftOut: long.length, kept };
}

/** Tokens of the prompt, with room for an answer; the trained turn, a bare label, takes less than that room. */
function tokensNeeded(tokenizer: Tokenizer, record: PubMedQARecord): number {
  const { text } = renderChatML(pubmedqaMessages(record, { answer: false }), { addGenerationPrompt: true });
  return tokenizer.tokenize(text, { addSpecial: true, parseSpecial: true }).length + ANSWER_TOKENS;
}
