import { z } from "zod";

/** The linear layers of a Llama block that can carry an adapter, by their Hugging Face names. */
export const LORA_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const;

const count = () => z.int().min(1);
/** Most blocks, threads and ranks that the native engine takes (native/addon). */
const MOST_LAYERS = 512;
const MOST_THREADS = 512;
const MOST_RANK = 4096;
/** Most tokens of a sample: they are generated while the training waits. */
const MOST_NEW_TOKENS = 4096;
/** Most of a width, a number of heads or a context in a new model. */
const MOST_SIZE = 2 ** 30;
const size = () => count().max(MOST_SIZE);
const path = () => z.string().min(1);
const labelSpan = () => z.enum(["turn", "content"]);

export const modelConfigSchema = z.strictObject({
  hidden_size: size().describe("Width of the residual stream."),
  num_hidden_layers: count().max(MOST_LAYERS).describe("Number of blocks."),
  num_attention_heads: size().describe("Query heads; divides hidden_size."),
  num_key_value_heads: size().describe("Key and value heads; divides num_attention_heads."),
  intermediate_size: size().describe("Width of the feed-forward layer."),
  max_position_embeddings: size().describe("Longest context, in tokens."),
  rope_theta: z.number().positive().default(10000).describe("Base of the rotary position embedding."),
  rms_norm_eps: z.number().positive().default(1e-5).describe("Epsilon inside RMSNorm."),
  tie_word_embeddings: z.boolean().default(false).describe("Use the token embedding as the output layer too."),
});

export const chatmlDatasetSchema = z.strictObject({
  path: path().describe("JSON lines of conversations."),
  type: z.literal("chatml").describe("Conversations, rendered as ChatML; assistant turns are learnt."),
  label_span: labelSpan().optional().describe("Overrides the top-level label_span for this data set."),
});

export const completionDatasetSchema = z.strictObject({
  path: path().describe("JSON lines of plain texts."),
  type: z.literal("completion").describe("Plain text; every token is learnt."),
});

const datasetSchema = z.discriminatedUnion("type", [chatmlDatasetSchema, completionDatasetSchema]);

/** Every key of a training configuration, its check, its default and its help text (`.description`). */
export const trainConfigSchema = z.strictObject({
  preset: z.enum(["medilora"]).optional().describe("Start from a named recipe; keys that are written out win."),

  base_model: path().optional().describe("GGUF model to fine-tune."),
  adapter: z
    .enum(["lora", "qlora", "none"])
    .describe("qlora: adapter on a quantised base; lora: on a float base; none: all weights are trained."),
  model_config: modelConfigSchema
    .optional()
    .describe("Shape of a Llama model to train from random initialisation; only with adapter: none."),
  tokenizer_model: path().optional().describe("GGUF whose tokenizer a model_config uses."),

  lora_r: count().max(MOST_RANK).default(8).describe("Rank of the adapter matrices."),
  lora_alpha: z.number().positive().default(16).describe("The adapter's output is scaled by lora_alpha / lora_r."),
  peft_use_rslora: z.boolean().default(false).describe("Scale by lora_alpha / sqrt(lora_r) instead."),
  lora_dropout: z.number().min(0).lt(1).default(0.05).describe("Dropout on the adapter's input."),
  lora_target_modules: z
    .array(z.enum(LORA_MODULES))
    .min(1)
    .default(["q_proj", "v_proj"])
    .describe(`Layers that get an adapter: any of ${LORA_MODULES.join(", ")}.`),
  lora_target_linear: z.boolean().default(false).describe("Put an adapter on all seven linear layers of a block."),
  lora_model_dir: path().optional().describe("Adapter GGUF to start from, instead of a fresh one."),

  datasets: z.array(datasetSchema).min(1).describe("Training data, in this order: path, type, label_span."),
  label_span: labelSpan()
    .default("turn")
    .describe("What is learnt of an assistant turn. turn: all of it, markers included; content: header masked."),
  val_set_size: z.number().min(0).lt(1).default(0).describe("Share of the samples held out for validation."),

  // One token alone predicts nothing.
  sequence_len: z.int().min(2).default(512).describe("Most tokens of one packed sequence."),
  sample_packing: z.boolean().default(true).describe("Several samples in one sequence, without attention across."),
  micro_batch_size: count().default(2).describe("Sequences computed at once."),
  gradient_accumulation_steps: count().default(4).describe("Micro-batches of one optimizer step."),
  num_epochs: z.number().positive().max(10_000).default(2).describe("Passes over the data; a fraction is allowed."),
  max_steps: count().optional().describe("Stop after this many optimizer steps, whatever num_epochs says."),

  optimizer: z
    .enum([
      "adamw_torch",
      "adamw",
      "adamw_torch_fused",
      "adamw_hf",
      "paged_adamw_32bit",
      "adamw_8bit",
      "adamw_bnb_8bit",
      "paged_adamw_8bit",
    ])
    .default("adamw_torch")
    .describe(
      "AdamW with decoupled weight decay. adamw_torch, or one of its names: float32 state; adamw_8bit and the other 8-bit ones: state in 8 bits.",
    ),
  adam_beta1: z.number().min(0).lt(1).default(0.9).describe("Decay of AdamW's mean of gradients."),
  adam_beta2: z.number().min(0).lt(1).default(0.999).describe("Decay of AdamW's mean of squared gradients."),
  adam_epsilon: z.number().positive().default(1e-8).describe("Added to AdamW's denominator."),
  weight_decay: z.number().min(0).default(0).describe("Decoupled weight decay."),
  max_grad_norm: z.number().positive().default(1).describe("Gradients are scaled down to at most this L2 norm."),
  learning_rate: z.number().positive().default(2e-4).describe("Peak learning rate."),
  lr_scheduler: z
    .enum(["cosine", "linear", "constant"])
    .default("cosine")
    .describe("How the learning rate falls after the warm-up."),
  warmup_steps: z.int().min(0).default(100).describe("Optimizer steps in which the learning rate rises from 0."),
  loss_normalization: z
    .enum(["token", "legacy"])
    .default("token")
    .describe("token: mean over all labelled tokens of a step; legacy: mean of the micro-batches' means."),
  neftune_noise_alpha: z.number().positive().optional().describe("Noise on the embeddings (NEFTune), e.g. 5."),
  gradient_checkpointing: z
    .union([z.boolean(), z.literal("auto")])
    .default("auto")
    .describe(
      "Compute activations again in the backward pass: much less memory, about a third more time. auto: where the memory budget asks for it.",
    ),
  memory_budget: z
    .number()
    .positive()
    .optional()
    .describe("GB (1e9 bytes) that training may take; without, 80% of what is free when it starts."),

  group_by_length: z
    .boolean()
    .default(false)
    .describe("Batches of samples of similar length; without effect on packed samples of full length."),
  early_stopping_patience: count().optional().describe("Stop after so many validations in a row without a lower loss."),
  load_best_model_at_end: z
    .boolean()
    .default(false)
    .describe("Write the weights with the lowest validation loss instead of the last ones."),

  eval_steps: count().optional().describe("Validate every so many steps; without, after each epoch."),
  eval_table_size: z
    .int()
    .min(0)
    .max(256)
    .optional()
    .describe(
      "Samples whose prompts the model answers at each validation, or each epoch's end, into samples.jsonl; without, none. They hold text of the data.",
    ),
  eval_max_new_tokens: count().max(MOST_NEW_TOKENS).default(48).describe("Most tokens of each of those answers."),
  save_steps: count().optional().describe("Save a checkpoint every so many steps; without, after each epoch."),
  save_total_limit: count().optional().describe("Checkpoints to keep, the newest; without, all."),
  logging_steps: count().default(1).describe("Report every so many steps."),
  seed: z.int().min(0).max(0xffffffff).default(42).describe("Seed of initialisation, order, dropout and hold-out."),
  output_dir: path().describe("Folder for the adapter, checkpoints and logs."),
  resume_from_checkpoint: z
    .union([z.literal(true), z.literal("auto"), path()])
    .optional()
    .describe(
      "true: go on from this run's newest checkpoint in output_dir, an error without one; auto: the same, but start anew without one; or the path of a checkpoint.",
    ),
  threads: count()
    .max(MOST_THREADS)
    .optional()
    .describe("Processor threads; without, one for each processor of this process."),
});

/** What a configuration file may say: every key of the schema, defaults left out. */
export type TrainConfigInput = Partial<z.input<typeof trainConfigSchema>>;

type Parsed = z.output<typeof trainConfigSchema>;
type ChatmlDataset = Required<z.output<typeof chatmlDatasetSchema>>;

/** Shape of a Llama model to train from random initialisation; sizes are counts of weights, heads, blocks or tokens. */
export type ModelConfig = z.output<typeof modelConfigSchema>;
/** A data set of a checked configuration: conversations (`chatml`) or plain texts (`completion`), in JSON lines. */
export type DatasetConfig = ChatmlDataset | z.output<typeof completionDatasetSchema>;

/** A complete configuration: defaults filled in, aliases and shorthands resolved, all paths absolute. */
export type TrainConfig = Omit<Parsed, "datasets" | "optimizer"> & {
  datasets: DatasetConfig[];
  optimizer: "adamw_torch" | "adamw_8bit";
};

/**
 * Recipes by name. `medilora`: QLoRA on a 4-bit base, r 8 on q_proj and v_proj, as published; only the optimizer's state
 * is float32 here, where the original kept 8 bits. Written out although it mostly equals the defaults, so that it stays
 * what it is when a default changes.
 */
export const PRESETS = {
  medilora: {
    adapter: "qlora",
    lora_r: 8,
    lora_alpha: 16,
    lora_dropout: 0.05,
    lora_target_modules: ["q_proj", "v_proj"],
    micro_batch_size: 2,
    gradient_accumulation_steps: 4,
    num_epochs: 2,
    optimizer: "adamw_8bit",
    learning_rate: 2e-4,
    lr_scheduler: "cosine",
    warmup_steps: 100,
  },
} satisfies Record<string, TrainConfigInput>;
