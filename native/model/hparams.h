#pragma once

#include <cstdint>
#include <string>

#include "gguf/gguf_file.h"
#include "model/rope_scaling.h"

namespace medilora {

constexpr int64_t kAllLayers = INT64_MAX;

/// Hyper-parameters of a transformer of the llama family.
struct Hparams {
    std::string architecture = "llama";
    int64_t n_vocab = 0;
    int64_t n_embd = 0;
    int64_t n_layer = 0;
    int64_t n_head = 0;
    int64_t n_head_kv = 0;
    int64_t head_dim = 0;
    int64_t n_ff = 0;
    int64_t n_rot = 0; ///< dimensions of each head that RoPE turns
    int64_t n_ctx = 0; ///< positions the model was made for
    float rms_eps = 1e-5f;
    double rope_base = 10000.0;
    RopeScaling rope_scaling;
    int64_t window = 0; ///< a token sees this many positions, itself included; 0: all before it
    bool tied_output = false;
    bool rope_halves = false; ///< RoPE pairs (j, j + n_rot / 2), as Qwen has them, not (2j, 2j + 1)
    bool qkv_bias = false;    ///< q, k and v have biases (Qwen2)
    bool qk_norm = false;     ///< q and k are normed by head before RoPE (Qwen3)

    int64_t q_size() const { return n_head * head_dim; }
    int64_t kv_size() const { return n_head_kv * head_dim; }
};

/// Reads and checks them. Throws ARCHITECTURE_UNSUPPORTED for a model that we do not train,
/// MODEL_INVALID for one that contradicts itself.
/// `layers` cuts the model down to its lowest blocks.
Hparams read_hparams(const GgufFile& file, int64_t layers = kAllLayers);

/// Throws ARGUMENT_INVALID or MODEL_INVALID (by `code`) when the sizes do not fit each other.
void check_hparams(const Hparams& hparams, const char* code, const std::string& source);

/// Writes them as GGUF metadata, as llama.cpp reads it.
void write_hparams(gguf_context* context, const Hparams& hparams);

} // namespace medilora
