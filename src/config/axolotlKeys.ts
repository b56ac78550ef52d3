/** Keys of Axolotl that medilora does not have, as it answers them. */
export interface AxolotlKeys {
  keys: readonly string[];
  /** What stands in their place here. */
  answer: string;
}

/** Whatever they say, the weights that come out are the same, or the file's model and computer decide. */
export const WITHOUT_EFFECT: readonly AxolotlKeys[] = [
  {
    keys: ["load_in_4bit", "load_in_8bit", "bnb_config_kwargs"],
    answer: "the base is trained on as its GGUF is quantised; medilora quantize makes a 4-bit one",
  },
  {
    keys: [
      "model_type",
      "tokenizer_type",
      "tokenizer_config",
      "tokenizer_use_fast",
      "tokenizer_legacy",
      "base_model_config",
      "base_model_ignore_patterns",
      "revision_of_model",
      "trust_remote_code",
      "is_llama_derived_model",
      "is_mistral_derived_model",
      "is_qwen_derived_model",
      "is_falcon_derived_model",
      "special_tokens",
    ],
    answer: "the GGUF holds architecture, tokenizer and special tokens",
  },
  {
    keys: ["bf16", "fp16", "tf32", "bfloat16", "float16", "embeddings_skip_upcast"],
    answer: "the engine picks the precision of each product by the processor",
  },
  {
    keys: [
      "flash_attention",
      "xformers_attention",
      "sdp_attention",
      "flash_optimum",
      "flash_attn_cross_entropy",
      "flash_attn_rms_norm",
      "flash_attn_fuse_qkv",
      "flash_attn_fuse_mlp",
      "eager_attention",
      "lora_mlp_kernel",
      "lora_qkv_kernel",
      "lora_o_kernel",
      "torch_compile",
      "torch_compile_backend",
    ],
    answer: "attention, loss and LoRA are fused in the engine already",
  },
  {
    keys: [
      "deepspeed",
      "fsdp",
      "fsdp_config",
      "local_rank",
      "ddp_timeout",
      "ddp_bucket_cap_mb",
      "ddp_broadcast_buffers",
      "device_map",
      "max_memory",
      "gpu_memory_limit",
      "lora_on_cpu",
      "low_cpu_mem_usage",
      "auto_find_batch_size",
    ],
    answer: "there is nothing to shard or to place; memory_budget limits the memory",
  },
  {
    keys: ["gradient_checkpointing_kwargs"],
    answer: "gradient_checkpointing alone decides",
  },
  {
    keys: [
      "sample_packing_eff_est",
      "sample_packing_group_size",
      "sample_packing_bin_size",
      "total_num_tokens",
      "eval_sample_packing",
      "pad_to_sequence_len",
      "eval_batch_size",
      "dataset_prepared_path",
      "dataset_processes",
      "dataset_keep_in_memory",
      "hf_use_auth_token",
    ],
    answer: "rows are read, packed and kept in memory when training starts; nothing is padded",
  },
  {
    keys: [
      "wandb_mode",
      "wandb_project",
      "wandb_entity",
      "wandb_watch",
      "wandb_name",
      "wandb_run_id",
      "wandb_log_model",
      "mlflow_tracking_uri",
      "mlflow_experiment_name",
      "mlflow_run_name",
      "hf_mlflow_log_artifacts",
      "use_comet",
      "comet_workspace",
      "comet_project_name",
      "use_tensorboard",
      "hub_model_id",
      "hub_strategy",
      "push_dataset_to_hub",
    ],
    answer: "nothing is sent anywhere; metrics.jsonl and loss.svg in output_dir hold the metrics",
  },
  {
    keys: [
      "include_tokens_per_second",
      "profiler_steps",
      "debug",
      "strict",
      "save_safetensors",
      "loss_watchdog_threshold",
      "loss_watchdog_patience",
    ],
    answer: "metrics.jsonl has speed and loss of every step, and a loss that is not finite ends the run",
  },
  { keys: ["eval_table_max_new_tokens"], answer: "eval_max_new_tokens says it, Axolotl's newer name" },
];

export interface UnsupportedKeys extends AxolotlKeys {
  /** Values that ask for what is done here anyway, beside an empty one, false, 0 and "no". */
  fine?: readonly unknown[];
}

/** They would change what is learnt, so a configuration that uses them is refused. */
export const UNSUPPORTED: readonly UnsupportedKeys[] = [
  { keys: ["s2_attention"], answer: "Attention is whole; lower sequence_len where memory does not suffice" },
  { keys: ["gptq"], answer: "Use a quantised GGUF as base_model" },
  { keys: ["lora_fan_in_fan_out"], answer: "It is for GPT-2's Conv1D layers; the layers here are linear" },
  { keys: ["peft_use_dora", "relora_steps", "loraplus_lr_ratio", "lisa_n_layers"], answer: "Use plain LoRA" },
  {
    keys: ["peft_init_lora_weights"],
    fine: [true],
    answer: "A starts at random (Kaiming), B at zero; use lora_model_dir for other weights",
  },
  {
    keys: ["peft_layers_to_transform", "peft_layer_replication", "unfrozen_parameters"],
    answer: "Every block gets the adapter; choose layers by lora_target_modules",
  },
  {
    keys: ["lora_modules_to_save"],
    answer: "Only adapters are trained, or with adapter: none all weights; embeddings alone cannot be",
  },
  {
    keys: [
      "tokens",
      "added_tokens_overrides",
      "resize_token_embeddings",
      "resize_token_embeddings_to_32x",
      "shrink_embeddings",
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
  { keys: ["test_datasets"], answer: "Use val_set_size, or medilora eval after training" },
  {
    keys: ["lr_scheduler_kwargs", "cosine_min_lr_ratio", "cosine_constant_lr_ratio", "lr_quadratic_warmup"],
    answer: "Schedules fall to zero after a linear warm-up; see lr_scheduler",
  },
  { keys: ["optim_args", "optim_target_modules"], answer: "Use adam_beta1, adam_beta2, adam_epsilon, weight_decay" },
  { keys: ["noisy_embedding_alpha"], answer: "Use neftune_noise_alpha" },
  { keys: ["data_seed"], answer: "Use seed, which also decides the order of the rows" },
  { keys: ["shuffle_merged_datasets"], fine: [true], answer: "Rows are shuffled in every epoch" },
  { keys: ["sample_pack_sequentially", "curriculum_sampling"], answer: "Rows are shuffled, then packed" },
  { keys: ["batch_flattening", "multipack_real_batches"], answer: "Use sample_packing" },
  { keys: ["dataset_exact_deduplication"], answer: "Use medilora data dedup before training" },
  { keys: ["dataset_shard_num", "dataset_shard_idx"], answer: "Use medilora data subset before training" },
  { keys: ["pretraining_dataset"], answer: "Use a data set of type completion" },
  { keys: ["random_init_weights"], answer: "Use adapter: none with model_config and tokenizer_model" },
  {
    keys: ["overrides_of_model_config", "overrides_of_model_kwargs"],
    answer: "The GGUF's own hyper-parameters hold",
  },
  {
    keys: ["rl", "rl_beta", "trl", "reward_model", "process_reward_model"],
    answer: "Only supervised training is there",
  },
  {
    keys: ["plugins", "qat", "quantization"],
    answer: "There are no plugins; medilora quantize quantises after training",
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
  { keys: ["conversation", "chat_template"], fine: ["chatml"], answer: "Only ChatML is rendered" },
  { keys: ["roles_to_train"], fine: [["assistant"]], answer: "The assistant's turns are learnt" },
  { keys: ["train_on_eos", "train_on_eot"], fine: ["turn"], answer: "The end of each assistant turn is learnt" },
  { keys: ["train_on_inputs", "drop_system_message"], answer: "Change the rows instead" },
  { keys: ["shards", "shards_idx"], answer: "Use medilora data subset" },
  { keys: ["data_files", "name", "revision"], answer: "Name the file in path" },
];
