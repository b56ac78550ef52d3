import type { ChatMessage } from "../../data/rows.js";
import type { ExtractionRule } from "../extraction.js";

/** How a task whose answers are generated asks for reasoning. */
export interface ChainOfThought<Question = unknown> {
  /** What stands behind the marker, as the instruction says it. */
  readonly form: string;
  readonly extraction: ExtractionRule;
  /**
   * The assistant's turn of a solved example, with its reasoning; undefined for one that has none. A task without takes
   * no examples under chain of thought: those without reasoning would teach to leave it out.
   */
  solved?(question: Question): string | undefined;
}

/** Most tokens of reasoning and answer, unless the run says otherwise. */
export const REASONING_TOKENS = 512;

/** The instruction, version 1; a change needs new versions of the extraction rules, which name the results. */
export function reasoningInstruction(form: string): string {
  return `Reason step by step before you answer. Then end your reply with one last line: "Answer:" and behind it ${form}.`;
}

/** The conversation with the instruction behind its system prompt, or as one where there is none. */
export function withInstruction(messages: readonly ChatMessage[], instruction: string): ChatMessage[] {
  const [first, ...others] = messages;
  if (first?.role !== "system") return [{ role: "system", content: instruction }, ...messages];
  return [{ role: "system", content: `${first.content} ${instruction}` }, ...others];
}

/**
 * The marker: the word "answer" in any case, where no letter, digit or underscore stands in front, then a colon, before it
 * up to eight blanks and asterisks of Markdown, behind it any number of these.
 */
const MARKER = /(?<![\p{L}\p{M}\p{N}_])[aA][nN][sS][wW][eE][rR][\s*]{0,8}:\**/gu;

/** What may stand between the marker and the label. */
const OPENING = String.raw`^[\s*"'“‘]*`;

/** What joins two labels, so that neither is chosen, whatever follows: "yes/no", "yes, or no". Bounded, so that it stays fast. */
const JOINED = String.raw`^[\s*"'”’)]{0,8}[.,;]?[\s*"'”’)]{0,8}(?:[/|&+]{1,2}|(?:or|and|vs\.?|versus)(?=[\s*"'“‘(]))[\s*"'“‘]{0,8}`;

/** What parts a label from a second one on its line. Another sentence or an explanation may follow it just as well. */
const PARTED = String.raw`^(?:[^\S\n]|[*"'“”‘’),;–—-]){0,8}`;

/**
 * Whether a label other than the first one is listed behind it; the same one again is no contradiction.
 * @param rest    what follows the first label
 * @param seconds each reads a next label of the list, as its group
 */
function listsAnother(rest: string, label: string, seconds: readonly RegExp[]): boolean {
  for (let left = rest; ; ) {
    const match = seconds.map((second) => second.exec(left)).find((found) => found !== null);
    if (match == null) return false;
    const other = match.slice(1).find((group) => group !== undefined);
    if (other?.toLowerCase() !== label.toLowerCase()) return true;
    left = left.slice(match[0].length);
  }
}

/** What follows the last marker; undefined without one. */
function behindMarker(response: string): string | undefined {
  const last = [...response.matchAll(MARKER)].at(-1);
  return last === undefined ? undefined : response.slice(last.index + last[0].length);
}

const DECISION = String.raw`(?:[yY][eE][sS]|[nN][oO]|[mM][aA][yY][bB][eE])(?![\p{L}\p{M}\p{N}_])`;
const PUBMEDQA_ANSWER = new RegExp(`${OPENING}\\(?(${DECISION})`, "u");
const SECOND_DECISIONS = [
  new RegExp(String.raw`${JOINED}\(?(${DECISION})`, "u"),
  // "no, no difference was found" explains, "maybe yes" qualifies; "yes, no." chooses nothing.
  new RegExp(
    String.raw`^(?![^\S\n]{0,8}\p{L})${PARTED}\(?(${DECISION})(?=[^\S\n]{0,4}[*"'”’]{0,4}(?:[,;.!?)/|]|(?:or|and)\s|\r?\n|$))`,
    "u",
  ),
];

/**
 * PubMedQA under chain of thought: behind the last marker, after white space, quotes, asterisks and an opening bracket,
 * stands yes, no or maybe, in any case, at a word boundary (as for `pubmedqa/strict@1`), and no other one is listed behind
 * it. Without a marker, or with anything else behind the last one, the response is invalid: no earlier marker and no word of
 * the reasoning is read. Version 2 takes a repeated label for one, and knows more ways to list two.
 */
export const pubmedqaReasoned: ExtractionRule = {
  id: "pubmedqa/cot@2",
  extract(response) {
    const answer = behindMarker(response);
    const match = answer === undefined ? null : PUBMEDQA_ANSWER.exec(answer);
    if (match === null || listsAnother(answer!.slice(match[0].length), match[1]!, SECOND_DECISIONS)) return null;
    return match[1]!.toLowerCase();
  },
};

/**
 * MedQA under chain of thought: behind the last marker, after white space, quotes and asterisks, stands `(A)` to `(D)`,
 * or `(E)` with 5 options, or such a bare letter in front of one of `. ) : , ; *`, a closing quote or the line's end ("Answer: A
 * patient ..." is no answer). Upper case and ASCII only; another letter listed behind it makes the response invalid.
 * Version 2 takes a repeated letter for one, and knows more ways to list two.
 * @returns a rule that gives the bare letter
 */
export function medqaReasoned(options: 4 | 5): ExtractionRule {
  const letter = options === 5 ? "[A-E]" : "[A-D]";
  const answer = new RegExp(
    String.raw`${OPENING}(?:\((${letter})\)|(${letter})(?=[.):,;*"'”’]|[^\S\n]*(?:\r?\n|$)))`,
    "u",
  );
  // A bare A before a space is an article.
  const bare = String.raw`(?!A )${letter}(?![\p{L}\p{M}\p{N}_])`;
  const seconds = [
    new RegExp(String.raw`${JOINED}(?:\((${letter})\)|(${bare}))`, "u"),
    new RegExp(String.raw`${PARTED}\((${letter})\)`, "u"),
    new RegExp(String.raw`^[*"'”’)]{0,4}[^\S\n]{0,4}[,;][\s*"'“‘]{0,8}(${bare})`, "u"),
  ];
  return {
    id: "medqa/cot@2",
    extract(response) {
      const text = behindMarker(response);
      const match = text === undefined ? null : answer.exec(text);
      const label = match?.[1] ?? match?.[2];
      if (label === undefined || listsAnother(text!.slice(match![0].length), label, seconds)) return null;
      return label;
    },
  };
}
