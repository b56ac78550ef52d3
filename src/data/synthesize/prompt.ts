import { hasChatMarker } from "../../chat/chatml.js";
import type { ChatMessage } from "../rows.js";

/** Changes with the prompt or with how answers are read. */
export const SYNTHESIS_PROMPT = "synthesis/question-answer@1";

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

/**
 * The pairs of an answer: `Q: ...` followed by `A: ...`, either over several lines. Pairs with a blank side or with a
 * ChatML marker are left out, and the last one too when the answer was cut off inside it.
 * @param complete false for an answer that was cut at its greatest length
 * @param most pairs beyond this are left out
 */
export function parsePairs(text: string, options: { complete: boolean; most: number }): QuestionAnswer[] {
  const pairs: QuestionAnswer[] = [];
  let side: keyof QuestionAnswer | undefined;
  for (const line of text.split(/\r\n|\r|\n/)) {
    const start = /^[\s>*#\d.)-]{0,8}\**(Q|Question|A|Answer)\d{0,2}\**:\**[ \t]*(.*)$/i.exec(line);
    if (start === null) {
      const pair = pairs.at(-1);
      if (pair !== undefined && side !== undefined) pair[side] += `\n${line}`;
      continue;
    }
    const isQuestion = (start[1] as string)[0]?.toLowerCase() === "q";
    if (isQuestion) pairs.push({ question: start[2] as string, answer: "" });
    else if (side === "question") (pairs.at(-1) as QuestionAnswer).answer = start[2] as string;
    // An answer without a question before it belongs to nothing.
    side = isQuestion ? "question" : side === "question" ? "answer" : undefined;
  }
  if (!options.complete) pairs.pop();
  return pairs
    .map(({ question, answer }) => ({ question: question.trim(), answer: answer.trim() }))
    .filter(({ question, answer }) => question !== "" && answer !== "" && !hasChatMarker(question + answer))
    .slice(0, options.most);
}
