import { MediloraError } from "../../errors.js";
import type { SynthesisBackend } from "./backend.js";
import { costOf, type ModelPrice } from "./cost.js";
import type { Journal } from "./journal.js";
import { readPassages } from "./passages.js";
import { synthesisMessages } from "./prompt.js";

/** What a run will need at most. */
export interface SynthesisPlan {
  documents: number;
  passages: number;
  /** Passages that earlier runs have done. */
  passagesDone: number;
  /** Of the open passages. */
  promptTokens: number;
  /** Answers of the greatest length for all open passages. */
  completionTokens: number;
  /** Tokens that earlier runs have used. */
  tokensUsed: number;
  tokenBudget: number;
  /** Whether the budget covers all open passages at their greatest length. */
  budgetSuffices: boolean;
  /** At most, in the price's currency: the budget's rest at the dearer price is one bound; 0 on one's own computer. */
  cost: number;
  currency?: string;
}

export interface PlanOptions {
  from: string;
  tokenBudget: number;
  pairs: number;
  maxTokens: number;
  passageCharacters: number;
  price?: ModelPrice;
}

/**
 * Reads the documents once, to tell what the open passages need.
 * @param journal what earlier runs have done
 * @returns the plan, and the most tokens of a prompt with its answer
 * @throws MediloraError `DATA_EMPTY` without documents, and what {@link readPassages} throws
 */
export async function makePlan(
  backend: SynthesisBackend,
  options: PlanOptions,
  journal: Journal | undefined,
): Promise<{ plan: SynthesisPlan; longest: number }> {
  const documents = new Set<string>();
  const count = { passages: 0, passagesDone: 0, promptTokens: 0, completionTokens: 0 };
  let longest = 0;
  for await (const { key, document, text } of readPassages(options.from, options.passageCharacters)) {
    documents.add(document);
    count.passages += 1;
    if (journal?.done.has(key)) {
      count.passagesDone += 1;
      continue;
    }
    const tokens = backend.countTokens(synthesisMessages(text, options.pairs));
    count.promptTokens += tokens;
    count.completionTokens += options.maxTokens;
    longest = Math.max(longest, tokens + options.maxTokens);
  }
  if (count.passages === 0)
    throw new MediloraError("DATA_EMPTY", `${options.from} holds no documents. Give rows with text.`);
  const tokensUsed = (journal?.promptTokens ?? 0) + (journal?.completionTokens ?? 0);
  return { plan: withCost({ documents: documents.size, ...count, tokensUsed }, options), longest };
}

function withCost(
  count: Omit<SynthesisPlan, "tokenBudget" | "budgetSuffices" | "cost" | "currency">,
  { tokenBudget, price }: PlanOptions,
): SynthesisPlan {
  const { promptTokens, completionTokens, tokensUsed } = count;
  const left = Math.max(0, tokenBudget - tokensUsed);
  const whole = costOf(price, promptTokens, completionTokens);
  const cost = Math.min(whole, Math.max(costOf(price, left, 0), costOf(price, 0, left)));
  const plan = { ...count, tokenBudget, budgetSuffices: promptTokens + completionTokens <= left, cost };
  return price === undefined ? plan : { ...plan, currency: price.currency };
}
