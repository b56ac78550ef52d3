#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "llama.h"

namespace medilora {

struct SamplerStep {
    enum class Type { penalties, top_k, top_p, min_p, temperature, draw, greedy };
    Type type;
    int32_t count = 0;   ///< penalties: last n tokens; top_k: k.
    float value = 0.0f;  ///< penalties: repeat; top_p, min_p: p; temperature: t.
    size_t min_keep = 1; ///< top_p, min_p: candidates that are left at least.
};

struct SamplerFreed {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using Sampler = std::unique_ptr<llama_sampler, SamplerFreed>;

/// Throws ARGUMENT_INVALID unless the chain's last step, and only that, picks a token and every number is in range.
void check_sampler(const std::vector<SamplerStep>& steps);

/// Builds the chain in the given order. The prompt's last tokens count as seen for the penalties.
Sampler build_sampler(const std::vector<SamplerStep>& steps, uint32_t seed, const llama_vocab* vocab,
                      const std::vector<llama_token>& prompt);

} // namespace medilora
