import type { TrainConfig } from "../config/schema.js";
import { MediloraError } from "../errors.js";
import { NativeTrainer } from "../native/trainer.js";
import type { TargetModule, TrainerOpenOptions } from "../native/trainingBinding.js";

/** GGUF's name of each layer that an adapter can be on. */
const MODULES = {
  q_proj: "attn_q",
  k_proj: "attn_k",
  v_proj: "attn_v",
  o_proj: "attn_output",
  gate_proj: "ffn_gate",
  up_proj: "ffn_up",
  down_proj: "ffn_down",
} as const satisfies Record<TrainConfig["lora_target_modules"][number], TargetModule>;

/** The GGUF whose tokenizer a configuration trains with. */
export function tokenizerPath(config: TrainConfig): string {
  const path = config.tokenizer_model ?? config.base_model;
  if (path === undefined)
    throw new MediloraError(
      "CONFIG_INVALID",
      "base_model is missing. Name a GGUF model, or tokenizer_model and model_config.",
    );
  return path;
}

/** Opens the trainer that a configuration describes: a LoRA on a frozen base, or all weights. */
export async function openTrainer(config: TrainConfig, signal?: AbortSignal): Promise<NativeTrainer> {
  const trainer = await NativeTrainer.open(trainerOptions(config), signal);
  if (config.sequence_len <= trainer.info.contextLength) return trainer;
  const { contextLength } = trainer.info;
  trainer.dispose();
  throw new MediloraError(
    "CONTEXT_EXCEEDED",
    `sequence_len ${config.sequence_len} is beyond the model's context of ${contextLength} tokens. Lower sequence_len.`,
  );
}

/** How the native trainer is opened for a configuration. */
export function trainerOptions(config: TrainConfig): TrainerOpenOptions {
  return {
    seed: config.seed,
    optimizer: config.optimizer === "adamw_8bit" ? "adamw_8bit" : "adamw",
    checkpointing: config.gradient_checkpointing === true,
    ...(config.neftune_noise_alpha !== undefined && { neftuneAlpha: config.neftune_noise_alpha }),
    ...(config.threads !== undefined && { threads: config.threads }),
    ...modelOptions(config),
  };
}

function modelOptions(config: TrainConfig): TrainerOpenOptions {
  if (config.adapter !== "none")
    return { model: tokenizerPath({ ...config, tokenizer_model: undefined }), ...adapterOptions(config) };
  const shape = config.model_config;
  if (shape === undefined) return { model: tokenizerPath({ ...config, tokenizer_model: undefined }) };
  return {
    tokenizer: tokenizerPath(config),
    fresh: {
      embeddingLength: shape.hidden_size,
      layers: shape.num_hidden_layers,
      heads: shape.num_attention_heads,
      kvHeads: shape.num_key_value_heads,
      feedForwardLength: shape.intermediate_size,
      contextLength: shape.max_position_embeddings,
      ropeBase: shape.rope_theta,
      rmsEps: shape.rms_norm_eps,
      tiedOutput: shape.tie_word_embeddings,
    },
  };
}

function adapterOptions(config: TrainConfig): TrainerOpenOptions {
  const dropout = config.lora_dropout;
  if (config.lora_model_dir !== undefined) return { dropout, adapter: config.lora_model_dir };
  const modules = config.lora_target_modules.map((name) => MODULES[name]);
  // The file holds alpha / r as llama.cpp reads it; alpha / sqrt(r) is written as such a quotient.
  const alpha = config.lora_alpha * (config.peft_use_rslora ? Math.sqrt(config.lora_r) : 1);
  return { dropout, lora: { rank: config.lora_r, alpha, modules, seed: config.seed } };
}
