import type { PubMedQAAnswer } from "../data/prepare.js";
import type { TrainConfigInput } from "../index.js";

export const SEED = 42;

/** Tokens that the bundled model was made for. */
export const CONTEXT = 1024;

/** Most tokens of an answer: the label stands at its start, and nothing behind it is scored. */
export const ANSWER_TOKENS = 16;

/**
 * The turn to be learnt is the bare label. A model of 7 million parameters learns from 400 answers how to answer, not what
 * the long answers say: they would be most of the loss, and a pass over 400 real ones takes it from 5.9 to 4.7 only.
 */
export const ANSWER: PubMedQAAnswer = "label";

/** The sampling of the published scores: repeat penalty, top-k 40, top-p, min-p, temperature 0.2. */
export const SAMPLER = "llama-cpp-python-2023";

/**
 * One pass over a few hundred rows must do, so the adapter is larger and the rate higher than in the recipe for a 7B model
 * (rank 8 on two layers of a block, 2e-4).
 */
export const TRAINING = {
  adapter: "qlora",
  lora_r: 16,
  lora_alpha: 32,
  lora_dropout: 0,
  lora_target_linear: true,
  sequence_len: CONTEXT,
  micro_batch_size: 1,
  gradient_accumulation_steps: 2,
  num_epochs: 1,
  learning_rate: 2e-3,
  warmup_steps: 5,
  gradient_checkpointing: false,
  seed: SEED,
} satisfies TrainConfigInput;
