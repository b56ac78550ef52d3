import type { Tokenizer } from "../../chat/tokenizeRow.js";
import { MediloraError } from "../../errors.js";
import { stripEnd } from "./whiteSpace.js";

/** A continuation behind its context, in tokens. Neither is empty. */
export interface TokenPair {
  context: Int32Array;
  continuation: Int32Array;
  /** Tokens that were cut off the context's left end. */
  cut: number;
}

/**
 * Cuts a text where its continuation begins, in tokens, as lm-evaluation-harness does: white space at the context's end
 * goes to the continuation; both are tokenised together and cut at the length of the tokenised context; an empty context
 * is BOS (EOS where the vocabulary has no BOS). Special tokens spelt in a text stay text.
 * @param options.addBos puts BOS in front of every context; the harness does not, unless asked to
 * @throws MediloraError `DATA_INVALID` when no token is left for the continuation, `MODEL_INVALID` for a vocabulary
 *   without the token that is needed
 * @see lm-evaluation-harness 0.4, api/model.py, TemplateLM._encode_pair
 */
export function splitPair(
  tokenizer: Tokenizer,
  context: string,
  continuation: string,
  options: { addBos: boolean },
): TokenPair {
  const kept = stripEnd(context);
  const moved = context.slice(kept.length) + continuation;
  const head = kept === "" || options.addBos ? [beginning(tokenizer)] : [];
  const before = encode(tokenizer, kept);
  const after = encode(tokenizer, kept + moved).subarray(before.length);
  if (after.length === 0)
    throw new MediloraError(
      "DATA_INVALID",
      "A choice adds no token of its own to its context. Correct the record, or use another vocabulary.",
    );
  return { context: Int32Array.from([...head, ...before]), continuation: after, cut: 0 };
}

/**
 * Cuts a pair from the left to `limit` + 1 tokens, of which the last is never decoded.
 * @param limit tokens that a sequence holds
 * @throws MediloraError `CONTEXT_EXCEEDED` when the continuation alone is longer
 */
export function cutLeft(pair: TokenPair, limit: number): TokenPair {
  const most = limit + 1 - pair.continuation.length;
  if (pair.context.length <= most) return pair;
  if (most < 1)
    throw new MediloraError(
      "CONTEXT_EXCEEDED",
      `A choice has ${pair.continuation.length} tokens, but a sequence holds ${limit}. Use a larger contextSize, or a ` +
        "model with a longer context.",
    );
  const cut = pair.context.length - most;
  return { context: pair.context.subarray(cut), continuation: pair.continuation, cut };
}

function encode(tokenizer: Tokenizer, text: string): Int32Array {
  return text === "" ? new Int32Array() : tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false });
}

function beginning(tokenizer: Tokenizer): number {
  const token = tokenizer.bosToken ?? tokenizer.eosToken;
  if (token !== null) return token;
  throw new MediloraError(
    "MODEL_INVALID",
    "The vocabulary has neither BOS nor EOS, so an empty context cannot be scored. Use another model.",
  );
}
