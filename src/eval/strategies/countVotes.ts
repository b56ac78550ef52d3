import type { CountedAnswer, PromptedAnswer } from "../evaluationResult.js";
import type { PreparedQuestion } from "../questions.js";
import { majority } from "./vote.js";

/**
 * One answer a question: where a strategy wanted several, the first one that gave the winning label, or the first of all
 * when none is valid.
 * @param answers one of each of `asked`, in their order
 */
export function countVotes(asked: readonly PreparedQuestion[], answers: readonly PromptedAnswer[]): CountedAnswer[] {
  const byQuestion = new Map<string, PromptedAnswer[]>();
  asked.forEach(({ id, ballot }, i) => {
    const question = ballot?.question ?? id;
    const others = byQuestion.get(question);
    if (others === undefined) byQuestion.set(question, [answers[i]!]);
    else others.push(answers[i]!);
  });
  return [...byQuestion].map(([id, ballots]) => {
    if (ballots.length === 1) return ballots[0]!;
    const { winner, first, vote } = majority(ballots.map(({ extracted }) => extracted));
    return { ...ballots[first]!, id, extracted: winner, vote };
  });
}
