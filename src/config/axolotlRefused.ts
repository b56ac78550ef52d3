import type { AxolotlKeys } from "./axolotlKeys.js";

export interface UnsupportedKeys extends AxolotlKeys {
  /** Values that ask for what is done here anyway, beside an empty one, false, 0 and "no". */
  fine?: readonly unknown[];
}

/** They would change what is learnt, so a configuration that uses them is refused. */
export const UNSUPPORTED: readonly UnsupportedKeys[] = [
  { keys: ["s2_attention"], answer: "Attention is whole; lower sequence_len where memory does not suffice" },
  { keys: ["gptq"], answer: "Use a quantised GGUF as base_model" },
  { keys: ["lora_fan_in_fan_out"], answer: "It is for GPT-2's Conv1D layers; the layers here are linear" },
  {
    keys: [
      "peft_use_dora",
      "relora",
      "relora_steps",
      "relora_warmup_steps",
      "relora_anneal_steps",
      "relora_prune_ratio",
      "relora_cpu_offload",
      "jagged_restart_steps",
      "loraplus_lr_ratio",
      "lisa_n_layers",
      "lisa_step_interval",
      "lisa_layers_attr",
      "peft",
    ],
    answer: "Use plain LoRA",
  },
  { keys: ["merge_lora"], answer: "Use medilora merge after training" },
  {
    keys: ["batch_size"],
    answer: "Use gradient_accumulation_steps: the batch size divided by micro_batch_size",
  },
  {
    keys: ["lr_groups", "embedding_lr", "embedding_lr_scale", "loraplus_lr_embedding"],
    answer: "One learning_rate holds for all that is trained",
  },
  {
    keys: ["peft_init_lora_weights"],
    fine: [true],
    answer: "A starts at random (Kaiming), B at zero; use lora_model_dir for other weights",
  },
  {
    keys: ["peft_layers_to_transform", "peft_layers_pattern", "peft_layer_replication", "unfrozen_parameters"],
    answer: "Every block gets the adapter; choose layers by lora_target_modules",
  },
  {
    keys: ["lora_modules_to_save", "lora_target_parameters", "peft_trainable_token_indices"],
    answer: "Only adapters are trained, or with adapter: none all weights; embeddings alone cannot be",
  },
  {
    keys: [
      "tokens",
      "added_tokens_overrides",
      "resize_token_embeddings",
      "resize_token_embeddings_to_32x",
      "mean_resizing_embeddings",
      "shrink_embeddings",
      "fix_untrained_tokens",
    ],
    answer: "Convert a model whose vocabulary has the tokens to GGUF",
  },
  {
    keys: ["chat_template"],
    fine: ["chatml"],
    answer: "Only ChatML is rendered: set it to chatml, or remove it",
  },
  {
    keys: ["chat_template_jinja", "default_system_message", "eot_tokens"],
    answer: "Only ChatML is rendered; write system turns into the rows (medilora prepare any --system)",
  },
  { keys: ["train_on_inputs"], answer: "To learn every token, give the text as a data set of type completion" },
  { keys: ["warmup_ratio"], answer: "Use warmup_steps; medilora plan tells the number of steps" },
  { keys: ["evals_per_epoch"], fine: [1], answer: "Use eval_steps; medilora plan tells the number of steps" },
  { keys: ["saves_per_epoch"], fine: [1], answer: "Use save_steps; medilora plan tells the number of steps" },
  { keys: ["eval_strategy", "evaluation_strategy"], fine: ["epoch"], answer: "Use eval_steps" },
  { keys: ["save_strategy"], fine: ["epoch"], answer: "Use save_steps" },
  { keys: ["save_only_model"], answer: "Checkpoints hold the optimizer too, so that they can be resumed from" },
  {
    keys: ["do_causal_lm_eval", "eval_causal_lm_metrics", "do_bench_eval", "bench_dataset", "bench_split"],
    answer: "Use medilora eval after training",
  },
  {
    keys: ["metric_for_best_model", "greater_is_better"],
    fine: ["loss", "eval_loss"],
    answer: "The lowest validation loss is the best",
  },
  { keys: ["test_datasets"], answer: "Use val_set_size, or medilora eval after training" },
  {
    keys: [
      "lr_scheduler_kwargs",
      "cosine_min_lr_ratio",
      "cosine_constant_lr_ratio",
      "lr_quadratic_warmup",
      "lr_div_factor",
    ],
    answer: "Schedules fall to zero after a linear warm-up; see lr_scheduler",
  },
  {
    keys: ["optim_args", "optim_target_modules", "adam_beta3", "adam_epsilon2", "torchdistx_path"],
    answer: "Use adam_beta1, adam_beta2, adam_epsilon, weight_decay",
  },
  { keys: ["noisy_embedding_alpha"], answer: "Use neftune_noise_alpha" },
  { keys: ["data_seed"], answer: "Use seed, which also decides the order of the rows" },
  { keys: ["shuffle_merged_datasets"], fine: [true], answer: "Rows are shuffled in every epoch" },
  {
    keys: ["sample_pack_sequentially", "sample_packing_sequentially", "curriculum_sampling"],
    answer: "Rows are shuffled, then packed",
  },
  { keys: ["batch_flattening", "multipack_real_batches", "max_packed_sequence_len"], answer: "Use sample_packing" },
  { keys: ["dataloader_drop_last"], answer: "Every row is trained on, in a smaller last step" },
  {
    keys: ["min_sample_len", "excess_length_strategy"],
    answer: "Long documents are cut, and a conversation that is too long is an error: change the rows, or sequence_len",
  },
  { keys: ["dataset_exact_deduplication"], answer: "Use medilora data dedup before training" },
  { keys: ["dataset_shard_num", "dataset_shard_idx"], answer: "Use medilora data subset before training" },
  {
    keys: ["pretraining_dataset", "pretraining_sample_concatenation", "streaming"],
    answer: "Use a data set of type completion",
  },
  { keys: ["use_pose"], answer: "Positions are those of the text; use sequence_len" },
  {
    keys: ["random_init_weights", "reinit_weights"],
    answer: "Use adapter: none with model_config and tokenizer_model",
  },
  {
    keys: ["overrides_of_model_config", "overrides_of_model_kwargs"],
    answer: "The GGUF's own hyper-parameters hold",
  },
  {
    keys: [
      "rl",
      "rl_beta",
      "trl",
      "vllm",
      "dpo_use_weighting",
      "rpo_alpha",
      "orpo_alpha",
      "cpo_alpha",
      "simpo_gamma",
      "kto_desirable_weight",
      "kto_undesirable_weight",
      "max_prompt_len",
      "reward_model",
      "process_reward_model",
      "num_labels",
    ],
    answer: "Only supervised training is there",
  },
  {
    keys: ["plugins", "qat", "quantization"],
    answer: "There are no plugins (fused loss and kernels are built in); medilora quantize quantises after training",
  },
];

/** Keys of one data set of Axolotl that pass with these values. */
export const DATASET_KEYS: ReadonlyArray<UnsupportedKeys> = [
  { keys: ["ds_type"], fine: ["json"], answer: "Rows are JSON lines: convert with medilora prepare any" },
  { keys: ["split"], fine: ["train"], answer: "A file has no splits: name the file that holds the rows" },
  { keys: ["field"], fine: ["text"], answer: "The field is called text: convert with medilora prepare any" },
  {
    keys: ["field_messages"],
    fine: ["messages"],
    answer: "The field is called messages: convert with medilora prepare any",
  },
  {
    keys: ["message_field_role"],
    fine: ["role"],
    answer: "The field is called role: convert with medilora prepare any",
  },
  {
    keys: ["message_field_content"],
    fine: ["content"],
    answer: "The field is called content: convert with medilora prepare any",
  },
  {
    keys: ["message_property_mappings"],
    fine: [{ role: "role", content: "content" }],
    answer: "The fields are called role and content: convert with medilora prepare any",
  },
  {
    keys: ["roles"],
    fine: [{ user: ["human", "user"], assistant: ["gpt", "assistant"], system: ["system"], tool: ["tool"] }],
    answer: "The roles are called system, user and assistant: convert with medilora prepare any",
  },
  {
    keys: ["field_system"],
    fine: ["system"],
    answer: "A system turn is one of the messages: convert with medilora prepare any",
  },
  { keys: ["conversation", "chat_template"], fine: ["chatml"], answer: "Only ChatML is rendered" },
  {
    keys: ["chat_template_jinja", "split_thinking", "field_thinking", "template_thinking_key", "field_tools"],
    answer: "Only ChatML is rendered, of role and content",
  },
  { keys: ["roles_to_train"], fine: [["assistant"]], answer: "The assistant's turns are learnt" },
  { keys: ["train_on_eos", "train_on_eot"], fine: ["turn"], answer: "The end of each assistant turn is learnt" },
  { keys: ["trust_remote_code"], fine: [true], answer: "No code is loaded with data" },
  {
    keys: ["train_on_inputs", "drop_system_message", "message_field_training", "message_field_training_detail"],
    answer: "Change the rows instead",
  },
  { keys: ["shards", "shards_idx", "preprocess_shards"], answer: "Use medilora data subset" },
  { keys: ["data_files", "name", "revision"], answer: "Name the file in path" },
];
