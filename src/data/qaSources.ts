import { MediloraError } from "../errors.js";
import { BIOASQ_TYPES, type BioASQType, bioasqItems } from "./bioasq.js";
import { CLINICIAN_SYSTEM_PROMPT } from "./clinicianPrompt.js";
import { DIALOGUE_FORMS, type DialogueForm, dialogueItems } from "./dialogue.js";
import { readRecords } from "./formats/detect.js";
import { checkMapping, type FieldMapping, mapRecord, recogniseMapping } from "./formats/mapping.js";
import { medmcqaItems } from "./medmcqa.js";
import { medqaItems } from "./medqa.js";
import { type PrepareRowsOptions, prepareRows, type RowsManifest } from "./prepareRows.js";
import { pubmedqaPrompt, readPubMedQA } from "./pubmedqa.js";
import { QUALITY_VERSION, qualityReason } from "./quality.js";
import { isChatRow } from "./rows.js";
import { chatItem, type SourceItem } from "./textRow.js";

/**
 * MedQA with four or five options to chat rows with the paper's system prompt; see {@link medqaItems}.
 * @throws MediloraError see {@link prepareRows}, {@link medqaItems}
 */
export function prepareMedQA(options: PrepareRowsOptions): Promise<RowsManifest> {
  return prepareRows({ rules: { format: "medqa/published@1", prompt: "medqa/chat@1" }, items: medqaItems }, options);
}

/**
 * MedMCQA to chat rows with the paper's MedQA prompts; see {@link medmcqaItems}.
 * @throws MediloraError see {@link prepareRows}, {@link medmcqaItems}
 */
export function prepareMedMCQA(options: PrepareRowsOptions): Promise<RowsManifest> {
  return prepareRows(
    { rules: { format: "medmcqa/published@1", prompt: "medqa/chat@1" }, items: medmcqaItems },
    options,
  );
}

export interface PrepareBioASQOptions extends PrepareRowsOptions {
  /** Default `["yesno"]`, the questions that are like PubMedQA's. */
  types?: readonly BioASQType[];
}

/**
 * BioASQ to chat rows; see {@link bioasqItems}.
 * @throws MediloraError see {@link prepareRows}, {@link bioasqItems}
 */
export function prepareBioASQ({ types = ["yesno"], ...options }: PrepareBioASQOptions): Promise<RowsManifest> {
  if (types.length === 0 || types.some((type) => !BIOASQ_TYPES.includes(type)))
    throw new MediloraError("ARGUMENT_INVALID", `types must name some of ${BIOASQ_TYPES.join(", ")}.`);
  const rules = { format: "bioasq/golden@1", prompt: "bioasq/chat@1", types: [...types] };
  return prepareRows({ rules, items: (path) => bioasqItems(path, types) }, options);
}

export interface PrepareDialogueOptions extends PrepareRowsOptions {
  form?: DialogueForm;
  filter?: boolean;
}

/**
 * Dialogues (HealthCareMagic, MTS-Dialog) to chat rows; see {@link dialogueItems}.
 * @throws MediloraError see {@link prepareRows}, {@link dialogueItems}
 */
export function prepareDialogue(options: PrepareDialogueOptions): Promise<RowsManifest> {
  const { form = "note", filter = true, ...common } = options;
  if (!DIALOGUE_FORMS.includes(form))
    throw new MediloraError("ARGUMENT_INVALID", `form must be one of ${DIALOGUE_FORMS.join(", ")}.`);
  const rules = { format: "dialogue@1", form: `${form}@1`, filter: filter ? QUALITY_VERSION : "none" };
  return prepareRows({ rules, items: (path) => dialogueItems(path, { form, filter }) }, common);
}

/**
 * PubMedQA without labels (PQA-U) to chat rows: the usual user turn, answered by the long answer alone, under
 * {@link CLINICIAN_SYSTEM_PROMPT}, since there is no yes, no or maybe to ask for.
 * @throws MediloraError see {@link prepareRows}, {@link readPubMedQA}
 */
export function preparePubMedQAUnlabelled(options: PrepareRowsOptions): Promise<RowsManifest> {
  const rules = { format: "pubmedqa/published@1", prompt: "pubmedqa/long-answer@1" };
  return prepareRows({ rules, items: longAnswerItems }, options);
}

async function* longAnswerItems(path: string): AsyncGenerator<SourceItem> {
  for await (const record of readPubMedQA(path)) {
    const { id, longAnswer } = record;
    if (longAnswer === undefined) yield { id, skipped: "no-long-answer" };
    else
      yield chatItem(id, [
        { role: "system", content: CLINICIAN_SYSTEM_PROMPT },
        { role: "user", content: pubmedqaPrompt(record) },
        { role: "assistant", content: longAnswer },
      ]);
  }
}

export interface PrepareAnyOptions extends PrepareRowsOptions {
  /** Default: the shape is recognised by the first record of each file; see {@link recogniseMapping}. */
  mapping?: FieldMapping;
  /** Of a JSON file that is one object: the field whose array holds the records. */
  at?: string;
  /** The system turn of conversations that have none. */
  system?: string;
  /** Drops poor exchanges by the rules for scraped dialogues ({@link QUALITY_RULES}). Default false. */
  filter?: boolean;
}

/**
 * Any JSON, JSON lines, CSV or Parquet file to rows, by a mapping of its fields.
 * @throws MediloraError see {@link prepareRows}, {@link readRecords}, {@link mapRecord}
 */
export function prepareAny(options: PrepareAnyOptions): Promise<RowsManifest> {
  const { mapping, at, system, filter = false, ...common } = options;
  if (mapping !== undefined) checkMapping(mapping);
  if (system?.trim() === "")
    throw new MediloraError("ARGUMENT_INVALID", "system is blank. Give a text or leave it out.");
  const rules = {
    format: "any@1",
    mapping: mapping === undefined ? "recognised@1" : JSON.stringify(mapping),
    filter: filter ? QUALITY_VERSION : "none",
  };
  return prepareRows({ rules, items: (path) => anyItems(path, { mapping, at, system, filter }) }, common);
}

async function* anyItems(
  path: string,
  options: Pick<PrepareAnyOptions, "mapping" | "at" | "system" | "filter">,
): AsyncGenerator<SourceItem> {
  const { at, system, filter } = options;
  let mapping = options.mapping;
  for await (const record of readRecords(path, { at })) {
    mapping ??= recogniseMapping(record);
    const item = mapRecord(record, mapping, { id: `row-${record.row}`, system });
    yield filter ? filtered(item) : item;
  }
}

/** Only a single exchange can be judged; documents and longer conversations pass. */
function filtered(item: SourceItem): SourceItem {
  if ("skipped" in item || !isChatRow(item.row)) return item;
  const [user, assistant, ...more] = item.row.messages.filter(({ role }) => role !== "system");
  if (user?.role !== "user" || assistant?.role !== "assistant" || more.length > 0) return item;
  const reason = qualityReason({ question: user.content, answer: assistant.content });
  return reason === undefined ? item : { id: item.id, skipped: reason };
}
