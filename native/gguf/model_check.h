#pragma once

#include "gguf/gguf_file.h"

namespace medilora {

/// Checks the hyper-parameters that llama.cpp takes from a model's metadata on trust and would end the process over:
/// layers, experts, heads, RoPE, norms. Those of any architecture in general, of llama, qwen2 and qwen3 completely.
/// A key that is missing or of another type is left to llama.cpp, which refuses it by itself.
/// Throws MODEL_INVALID (the file's code) naming the key.
void check_model_metadata(const GgufFile& file);

} // namespace medilora
