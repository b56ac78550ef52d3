import { hasChatMarker } from "../../chat/chatml.js";
import type { ChatMessage } from "../rows.js";

/** Changes with the prompt or with how answers are read. */
export const SYNTHESIS_PROMPT = "synthesis/question-answer@2";

export interface QuestionAnswer {
  question: string;
  answer: string;
}

/** The request for question-answer pairs about a passage. */
export function synthesisMessages(passage: string, pairs: number): ChatMessage[] {
  const number = pairs === 1 ? "one question and its answer" : `${pairs} different questions and their answers`;
  return [
    {
      role: "system",
      content:
        "You write study questions for medical students. Use only what the passage says. Each question must be " +
        "understood without the passage. Mention no person, place, date or record number. Write nothing but the questions " +
        'and answers. Begin each question on a new line with "Q: " and each answer on a new line with "A: ".',
    },
    { role: "user", content: `Passage:\n${passage}\n\nWrite ${number} about this passage.` },
  ];
}

/** A label may be in bold, behind list or heading marks, and have a number: `Q:`, `**Answer 2:**`, `### A2.`, `3) Q:`. */
const LABEL = String.raw`[*_]{0,3}(Question|Answer|Q|A)(?: ?#?\d{1,3}[*_]{0,3} ?[:.)]|[*_]{0,3} ?:)[*_]{0,3}`;
const LABELLED_LINE = new RegExp(String.raw`^[\s>#*\d.)-]{0,12}${LABEL}[ \t]*(.*)$`, "i");
/** A heading or a line in bold that is nothing but a label: `### Question 1`, `**Answer**`. */
const LABEL_HEADING = /^[\s>#*_\d.)-]{1,12}(Question|Answer)(?: ?#?\d{1,3})?[*_]{0,3}\s*$/i;
/** A label behind the end of a sentence, in the same line. */
const INLINE_LABEL = new RegExp(String.raw`([.?!][*_"']{0,3})[ \t]{1,4}(?=${LABEL})`, "g");

/**
 * The pairs of an answer: `Q: ...` followed by `A: ...`, each over several lines or both in one; labels as above. Pairs with a
 * blank side or with a ChatML marker are left out, and the last one too when the answer was cut off inside it.
 * @param complete false for an answer that was cut at its greatest length
 * @param most pairs beyond this are left out
 */
export function parsePairs(text: string, options: { complete: boolean; most: number }): QuestionAnswer[] {
  const pairs: QuestionAnswer[] = [];
  let side: keyof QuestionAnswer | undefined;
  for (const line of text.replace(INLINE_LABEL, "$1\n").split(/\r\n|\r|\n/)) {
    const start = LABELLED_LINE.exec(line) ?? LABEL_HEADING.exec(line);
    if (start === null) {
      const pair = pairs.at(-1);
      if (pair !== undefined && side !== undefined) pair[side] += `\n${line}`;
      continue;
    }
    const [, label, rest = ""] = start;
    const isQuestion = label?.[0]?.toLowerCase() === "q";
    if (isQuestion) pairs.push({ question: rest, answer: "" });
    else if (side === "question") (pairs.at(-1) as QuestionAnswer).answer = rest;
    // An answer without a question before it belongs to nothing.
    side = isQuestion ? "question" : side === "question" ? "answer" : undefined;
  }
  if (!options.complete) pairs.pop();
  return pairs
    .map(({ question, answer }) => ({ question: plain(question), answer: plain(answer) }))
    .filter(({ question, answer }) => question !== "" && answer !== "" && !hasChatMarker(question + answer))
    .slice(0, options.most);
}

/** Without the end of a bold type that began before the label. */
function plain(text: string): string {
  const trimmed = text.trim();
  const isUnopened = trimmed.endsWith("**") && trimmed.split("**").length % 2 === 0;
  return isUnopened ? trimmed.slice(0, -2).trimEnd() : trimmed;
}
