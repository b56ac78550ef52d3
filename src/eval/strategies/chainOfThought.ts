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

/** What stands between two labels that are listed, as in "yes/no", "yes or no", "yes, no": then none is chosen. */
const LISTED = String.raw`^[\s*"'”’)]*(?:[,/|&]+[\s*"'“‘]*(?:(?:or|and)\s[\s*"'“‘]*)?|(?:or|and)\s[\s*"'“‘]*)`;

/** What follows the last marker; undefined without one. */
function behindMarker(response: string): string | undefined {
  const last = [...response.matchAll(MARKER)].at(-1);
  return last === undefined ? undefined : response.slice(last.index + last[0].length);
}

const DECISION = String.raw`(?:[yY][eE][sS]|[nN][oO]|[mM][aA][yY][bB][eE])(?![\p{L}\p{M}\p{N}_])`;
const PUBMEDQA_ANSWER = new RegExp(`${OPENING}\\(?(${DECISION})`, "u");
const SECOND_DECISION = new RegExp(String.raw`${LISTED}\(?${DECISION}`, "u");

/**
 * PubMedQA under chain of thought: behind the last marker, after white space, quotes, asterisks and an opening bracket,
 * stands yes, no or maybe, in any case, at a word boundary (as for `pubmedqa/strict@1`), and no second one is listed
 * behind it. Without a marker, or with anything else behind the last one, the response is invalid: no earlier marker and
 * no word of the reasoning is read.
 */
export const pubmedqaReasoned: ExtractionRule = {
  id: "pubmedqa/cot@1",
  extract(response) {
    const answer = behindMarker(response);
    const match = answer === undefined ? null : PUBMEDQA_ANSWER.exec(answer);
    if (match === null || SECOND_DECISION.test(answer!.slice(match[0].length))) return null;
    return match[1]!.toLowerCase();
  },
};

/**
 * MedQA under chain of thought: behind the last marker, after white space, quotes and asterisks, stands `(A)` to `(D)`,
 * or `(E)` with 5 options, or such a bare letter in front of one of `. ) : , ; *`, a closing quote or the line's end ("Answer: A
 * patient ..." is no answer). Upper case and ASCII only; a second letter listed behind it makes the response invalid.
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
  const second = new RegExp(String.raw`${LISTED}(?:\(${letter}\)|${bare})`, "u");
  return {
    id: "medqa/cot@1",
    extract(response) {
      const text = behindMarker(response);
      const match = text === undefined ? null : answer.exec(text);
      if (match === null || second.test(text!.slice(match[0].length))) return null;
      return match[1] ?? match[2]!;
    },
  };
}
