import { MediloraError } from "../errors.js";
import { untilAborted } from "../util/turn.js";
import { readText } from "./formats/text.js";
import type { ChatMessage } from "./rows.js";

/** PubMedQA's answers, in the order of its tables. */
export const PUBMEDQA_LABELS = ["yes", "no", "maybe"] as const;
/** An answer of PubMedQA. */
export type PubMedQALabel = (typeof PUBMEDQA_LABELS)[number];

/** One question of PubMedQA. PQA-U has no label; a missing or blank LONG_ANSWER leaves `longAnswer` out. */
export interface PubMedQARecord {
  id: string;
  question: string;
  /** The abstract without its conclusion, one string a section. */
  contexts: string[];
  label?: PubMedQALabel;
  longAnswer?: string;
}

/** The system prompt of the published PubMedQA adapter, word for word. */
export const PUBMEDQA_SYSTEM_PROMPT =
  "Consider yourself a practicing medical professional tackling real-world medical queries. " +
  "Draw upon your expertise in basic and clinical sciences, medical knowledge, and understanding of health mechanisms, " +
  "diseases, patient care, and therapy modalities. " +
  "Answer the following multiple-choice question by selecting one of the options: 'yes,' 'no,' or 'maybe.' " +
  "Choose the most appropriate response based on your expertise and understanding.";

/** Far above any abstract; what is longer is a file of another format. */
const MAX_ENTRY_CHARS = 16 * 2 ** 20;

/**
 * All records of a PubMedQA file, in the order of the file. Labels lose their case.
 * @throws MediloraError `DATA_EMPTY` when there is none, `DATA_INVALID` with file, number of the record and field,
 *   `FILE_NOT_FOUND`, `FILE_READ`, `ABORTED`
 * @see Jin et al. 2019, PubMedQA
 */
export async function loadPubMedQA(path: string, signal?: AbortSignal): Promise<PubMedQARecord[]> {
  const records: PubMedQARecord[] = [];
  for await (const record of untilAborted(readPubMedQA(path), signal)) records.push(record);
  if (records.length === 0)
    throw new MediloraError("DATA_EMPTY", `${path} holds no PubMedQA records. Give a file like ori_pqal.json.`);
  return records;
}

/**
 * Reads PubMedQA's published JSON, `{pmid: {QUESTION, CONTEXTS, final_decision, LONG_ANSWER, ...}}`, one record at a
 * time, so that the 533 MB of ori_pqaa.json need no such string in memory.
 *
 * Only those four fields are read. The `*_pred` fields are human answers and stay unread; labels lose their case.
 * @throws MediloraError `DATA_INVALID` with file, number of the record and field, also when an id occurs twice;
 *   `FILE_NOT_FOUND`, `FILE_READ`. Ids stay out of messages: they may be patients'
 * @see Jin et al. 2019, PubMedQA
 */
export async function* readPubMedQA(path: string): AsyncGenerator<PubMedQARecord> {
  const seen = new Map<string, number>();
  for await (const [id, value] of readEntries(path)) {
    const number = seen.size + 1;
    if (id.trim() === "") throw invalid(path, `record ${number} has a blank id; give each record its id`);
    // JSON.parse of the whole file would silently keep the last of two.
    const twin = seen.get(id);
    if (twin !== undefined) throw invalid(path, `records ${twin} and ${number} have the same id; keep one of them`);
    seen.set(id, number);
    yield toRecord(value, id, `${path}: record ${number}`);
  }
}

/** The user turn: `Context: <sections joined by a space> Question: <question>`. */
export function pubmedqaPrompt(record: PubMedQARecord): string {
  return `Context: ${record.contexts.join(" ")} Question: ${record.question}`;
}

/**
 * The conversation of one record: system and user turn, and with `answer` the assistant's `<label>. <long answer>`.
 * @throws MediloraError `DATA_INVALID` when `answer` is asked for and the record has no label or no long answer
 */
export function pubmedqaMessages(record: PubMedQARecord, options: { answer: boolean }): ChatMessage[] {
  const messages: ChatMessage[] = [
    { role: "system", content: PUBMEDQA_SYSTEM_PROMPT },
    { role: "user", content: pubmedqaPrompt(record) },
  ];
  if (!options.answer) return messages;
  const missing =
    record.label === undefined ? "final_decision" : record.longAnswer === undefined ? "LONG_ANSWER" : null;
  if (missing !== null)
    throw new MediloraError(
      "DATA_INVALID",
      `The PubMedQA record has no ${missing}, so it has no answer to train on. Leave the record out.`,
    );
  return [...messages, { role: "assistant", content: `${record.label}. ${record.longAnswer}` }];
}

/** @param where file and number of the record */
function toRecord(value: unknown, id: string, where: string): PubMedQARecord {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(where, "must be an object with QUESTION and CONTEXTS");
  const { QUESTION, CONTEXTS, final_decision, LONG_ANSWER } = value as Record<string, unknown>;
  if (typeof QUESTION !== "string" || QUESTION.trim() === "")
    throw invalid(where, "field QUESTION must be a string that is not blank");
  if (!isStringArray(CONTEXTS) || CONTEXTS.length === 0)
    throw invalid(where, "field CONTEXTS must be an array of at least one string");
  if (LONG_ANSWER !== undefined && typeof LONG_ANSWER !== "string")
    throw invalid(where, "field LONG_ANSWER must be a string");
  const record: PubMedQARecord = { id, question: QUESTION, contexts: CONTEXTS };
  if (final_decision !== undefined) record.label = toLabel(final_decision, where);
  if (LONG_ANSWER !== undefined && LONG_ANSWER.trim() !== "") record.longAnswer = LONG_ANSWER;
  return record;
}

function toLabel(value: unknown, where: string): PubMedQALabel {
  const word = typeof value === "string" ? value.trim().toLowerCase() : undefined;
  const label = PUBMEDQA_LABELS.find((known) => known === word);
  if (label !== undefined) return label;
  throw invalid(where, `field final_decision must be one of ${PUBMEDQA_LABELS.join(", ")}, or left out`);
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** The `[key, value]` pairs of a file that is one big JSON object; memory holds one of them. */
async function* readEntries(path: string): AsyncGenerator<[string, unknown]> {
  const splitter = new EntrySplitter(path);
  for await (const text of readText(path)) yield* splitter.push(text);
  splitter.end();
}

/** Cuts the text of one JSON object at its outermost commas; what is between them goes to JSON.parse. */
class EntrySplitter {
  readonly #path: string;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #closed = false;
  #pending = "";
  #entries = 0;

  constructor(path: string) {
    this.#path = path;
  }

  *push(text: string): Generator<[string, unknown]> {
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const char = text[i] as string;
      if (this.#inString) {
        this.#stepInString(char);
      } else if (this.#depth === 0) {
        this.#outside(char);
        start = i + 1;
      } else if (this.#endsEntry(char)) {
        const raw = this.#pending + text.slice(start, i);
        this.#pending = "";
        start = i + 1;
        if (!this.#isEmptyObject(raw)) yield this.#parse(raw);
      }
    }
    if (this.#depth > 0) this.#pending += text.slice(start);
    if (this.#pending.length > MAX_ENTRY_CHARS)
      throw this.#malformed(`one record is longer than ${MAX_ENTRY_CHARS} characters`);
  }

  end(): void {
    if (!this.#closed) throw this.#malformed("the file ends early or is not a JSON object");
  }

  #stepInString(char: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (char === "\\") this.#escaped = true;
    else if (char === '"') this.#inString = false;
  }

  #outside(char: string): void {
    if (char === "{" && !this.#closed) this.#depth = 1;
    else if (!/[ \t\r\n]/.test(char))
      throw this.#malformed(this.#closed ? "there is text after the object's end" : "the file is not a JSON object");
  }

  /** Follows the nesting by one character outside strings; true at a comma of the outer object and at its end. */
  #endsEntry(char: string): boolean {
    if (char === '"') this.#inString = true;
    else if (char === "{" || char === "[") this.#depth += 1;
    else if (char === "}" || char === "]") {
      this.#depth -= 1;
      this.#closed = this.#depth === 0;
      if (this.#closed && char === "]") throw this.#malformed("a bracket closes what it did not open");
    }
    return this.#closed || (char === "," && this.#depth === 1);
  }

  #isEmptyObject(raw: string): boolean {
    return this.#closed && this.#entries === 0 && raw.trim() === "";
  }

  #parse(raw: string): [string, unknown] {
    let entry: [string, unknown] | undefined;
    try {
      entry = Object.entries(JSON.parse(`{${raw}}`) as Record<string, unknown>)[0];
    } catch {
      // The parser's own message quotes the text, so it is not passed on as a cause.
    }
    if (entry === undefined) throw this.#malformed("the text is not valid JSON");
    this.#entries += 1;
    return entry;
  }

  #malformed(problem: string): MediloraError {
    const place = this.#entries === 0 ? "before the first record" : `after record ${this.#entries}`;
    return invalid(this.#path, `${problem} (${place}); give PubMedQA's published JSON, {id: {QUESTION, ...}}`);
  }
}

function invalid(where: string, problem: string): MediloraError {
  return new MediloraError("DATA_INVALID", `${where}: ${problem}.`);
}
