#pragma once

#include <cstdint>
#include <vector>

#include "gguf/gguf_file.h"

namespace medilora {

/// How a model stretches its rotary position embedding to longer contexts, as llama.cpp applies it.
struct RopeScaling {
    enum Type { kNone, kLinear, kYarn };

    Type type = kNone;
    double factor = 1;            ///< new context / original context
    double attn_factor = 1;       ///< multiplies the magnitude
    int64_t original_context = 0; ///< positions before stretching (YaRN)
    std::vector<float> divisors;  ///< of each frequency (Llama 3's rope_freqs tensor); empty: none
};

/// The angle of pair j at position p is p * frequency[j]; both of the pair are multiplied by `magnitude`.
struct RopeFrequencies {
    std::vector<double> frequency; // [n_rot / 2]
    double magnitude = 1;
};

/// @see Su et al. 2021 (RoPE); Chen et al. 2023 (linear scaling); Peng et al. 2023 (YaRN)
RopeFrequencies rope_frequencies(int64_t n_rot, double base, const RopeScaling& scaling);

/// Reads the scaling of an architecture. Throws ARCHITECTURE_UNSUPPORTED for a kind that we do not compute,
/// MODEL_INVALID for numbers that make no sense.
RopeScaling read_rope_scaling(const GgufFile& file, const std::string& prefix, int64_t n_rot, int64_t n_ctx);

} // namespace medilora
