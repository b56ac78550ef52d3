#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "ggml.h"

namespace medilora {

struct TensorShape {
    std::array<int64_t, GGML_MAX_DIMS> ne;
    ggml_type type;
};

/// What a checked GGUF file says of itself.
struct GgufSummary {
    std::string kind;             ///< general.type: "model", "adapter", ...; empty when the file does not say.
    std::string architecture;     ///< general.architecture; empty when the file does not say.
    std::string adapter_kind;     ///< adapter.type; empty when the file does not say.
    int64_t embedding_length = 0; ///< 0 when the file does not say.
    bool is_causal = true;        ///< false when each token sees those after it, which generating excludes.
    bool has_vocabulary = false;
    bool has_lora_alpha = false;
    std::map<std::string, TensorShape> tensors;
};

/// Reads the metadata of a GGUF file (of all its parts, when it is split) and checks what llama.cpp would assert or
/// read past the file's end: magic, every tensor's range, hyper-parameters, types of the metadata it reads unchecked,
/// doubled tokens; of an adapter also that its numbers are finite.
/// Throws FILE_NOT_FOUND, FILE_READ or `invalid_code` (MODEL_INVALID, ADAPTER_INVALID).
GgufSummary check_gguf(const std::string& path, const char* invalid_code);

} // namespace medilora
