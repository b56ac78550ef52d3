#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "infer/sampler.h"

namespace medilora {

struct Request {
    std::vector<llama_token> prompt;
    int32_t max_tokens = 0;
    uint32_t seed = 0;
    std::vector<SamplerStep> sampler;
    std::vector<llama_token> stop_tokens;
    std::vector<std::string> stop_strings;
};

struct Result {
    size_t index = 0;                ///< of the request
    std::vector<llama_token> tokens; ///< all that were drawn, the ending one included
    std::vector<double> logprobs;    ///< of `tokens`, under the model itself
    std::string text;                ///< valid UTF-8 without the ending
    bool stopped = false;            ///< else it ran to max_tokens or the context's end
    size_t prompt_tokens = 0;
};

/// Throws ARGUMENT_INVALID, TOKEN_OUT_OF_RANGE or CONTEXT_EXCEEDED for the first request that cannot be run, naming it.
void check_requests(const std::vector<Request>& requests, const llama_vocab* vocab, size_t sequence_limit);

/// The longest prefix that all prompts share and that leaves each at least one token.
size_t common_prefix(const std::vector<Request>& requests);

} // namespace medilora
