import { CLINICIAN_SYSTEM_PROMPT } from "./clinicianPrompt.js";
import { readRecords } from "./formats/detect.js";
import { optionalString, recordError, type SourceRecord, stringField } from "./formats/record.js";
import { qualityReason } from "./quality.js";
import type { ChatMessage } from "./rows.js";
import { chatItem, type SourceItem } from "./textRow.js";

/**
 * What is learnt of a conversation that comes with a note (MTS-Dialog): `note` writes the note's section from the whole
 * conversation; `turns` learns the clinician's turns, the other speakers being the user.
 */
export const DIALOGUE_FORMS = ["note", "turns"] as const;
export type DialogueForm = (typeof DIALOGUE_FORMS)[number];

export interface DialogueOptions {
  /** Default `note`. It does not matter for HealthCareMagic. */
  form?: DialogueForm;
  /** Drops poor exchanges of HealthCareMagic ({@link QUALITY_RULES}). Default true. */
  filter?: boolean;
}

/**
 * The rows of a set of medical dialogues, in JSON, JSON lines, CSV or Parquet. Two shapes are known, by their fields:
 *
 * - HealthCareMagic, `{instruction, input, output}`: the patient's text is the user turn, the doctor's the answer, and
 *   the instruction the system prompt ({@link CLINICIAN_SYSTEM_PROMPT} where it is blank).
 * - MTS-Dialog, `{ID, section_header, section_text, dialogue}`, see {@link DIALOGUE_FORMS}.
 *
 * @throws MediloraError `DATA_INVALID` with file, row and field; `FILE_NOT_FOUND`, `FILE_READ`
 * @see Li et al. 2023, ChatDoctor; Ben Abacha et al. 2023, An Empirical Study of Clinical Note Generation from
 *   Doctor-Patient Encounters
 */
export async function* dialogueItems(path: string, options: DialogueOptions = {}): AsyncGenerator<SourceItem> {
  for await (const record of readRecords(path)) {
    if ("dialogue" in record.value) yield mtsDialogItem(record, options.form ?? "note");
    else if ("input" in record.value && "output" in record.value)
      yield healthCareMagicItem(record, options.filter ?? true);
    else
      throw recordError(
        record.where,
        "must have the fields input and output (HealthCareMagic), or dialogue and section_text (MTS-Dialog)",
      );
  }
}

function healthCareMagicItem(record: SourceRecord, filter: boolean): SourceItem {
  const id = `dialogue-${record.row}`;
  const question = stringField(record, "input").trim();
  const answer = stringField(record, "output").trim();
  const system = optionalString(record, "instruction")?.trim() ?? CLINICIAN_SYSTEM_PROMPT;
  const item = chatItem(id, [
    { role: "system", content: system },
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ]);
  if ("skipped" in item || !filter) return item;
  const reason = qualityReason({ question, answer });
  return reason === undefined ? item : { id, skipped: reason };
}

/** MTS-Dialog's section headers in words. */
const SECTIONS: Readonly<Record<string, string>> = {
  "FAM/SOCHX": "family and social history",
  GENHX: "history of present illness",
  PASTMEDICALHX: "past medical history",
  CC: "chief complaint",
  PASTSURGICAL: "past surgical history",
  ALLERGY: "allergies",
  ROS: "review of systems",
  MEDICATIONS: "medications",
  ASSESSMENT: "assessment",
  EXAM: "physical examination",
  DIAGNOSIS: "diagnosis",
  DISPOSITION: "disposition",
  PLAN: "plan",
  EDCOURSE: "emergency department course",
  IMMUNIZATIONS: "immunizations",
  IMAGING: "imaging",
  GYNHX: "gynecologic history",
  PROCEDURES: "procedures",
  OTHER_HISTORY: "other history",
  LABS: "laboratory studies",
};

function mtsDialogItem(record: SourceRecord, form: DialogueForm): SourceItem {
  const id = `dialogue-${record.row}`;
  const dialogue = stringField(record, "dialogue").trim();
  if (dialogue === "") return { id, skipped: "blank" };
  if (form === "turns") return turnsItem(id, dialogue);
  const header = stringField(record, "section_header").trim();
  const section = Object.hasOwn(SECTIONS, header) ? (SECTIONS[header] as string) : header.toLowerCase();
  return chatItem(
    id,
    [
      {
        role: "system",
        content: `${CLINICIAN_SYSTEM_PROMPT} Write the section "${section}" of the clinical note for this conversation.`,
      },
      { role: "user", content: dialogue },
      { role: "assistant", content: stringField(record, "section_text").trim() },
    ],
    header === "" ? undefined : header,
  );
}

function turnsItem(id: string, dialogue: string): SourceItem {
  const turns = parseTurns(dialogue);
  if (turns === undefined) return { id, skipped: "no-speaker" };
  // Chat templates begin with the user; what the clinician says before that answers nothing.
  const first = turns.findIndex(({ role }) => role === "user");
  if (first === -1) return { id, skipped: "no-question" };
  return chatItem(id, [{ role: "system", content: CLINICIAN_SYSTEM_PROMPT }, ...turns.slice(first)]);
}

/** Turns by speaker, neighbours of one role joined; undefined when the text does not begin with a speaker. */
function parseTurns(dialogue: string): ChatMessage[] | undefined {
  const turns: ChatMessage[] = [];
  for (const line of dialogue.split(/\r\n|\r|\n/)) {
    const spoken = /^ *(Doctor|Patient|Guest)[A-Za-z0-9_]{0,20} *:(.*)$/.exec(line);
    const last = turns.at(-1);
    const text = (spoken === null ? line : (spoken[2] as string)).trim();
    const role = spoken === null ? last?.role : spoken[1] === "Doctor" ? "assistant" : "user";
    if (role === undefined) return undefined;
    if (text === "") continue;
    if (last?.role === role) last.content += `\n${text}`;
    else turns.push({ role, content: text });
  }
  return turns;
}
