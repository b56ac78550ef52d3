#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gguf/gguf_writer.h"
#include "infer/chunks.h"

namespace medilora {

struct ImatrixOptions {
    ChunkedText text;
    std::string output;
    /// Where the chunks done so far are kept now and then, and when the work ends early.
    std::string partial;
    bool resume = false; ///< goes on from `partial`
    std::vector<std::string> datasets;
    Metadata metadata; ///< of both files
};

struct ImatrixResult {
    size_t bytes = 0;
    size_t tensors = 0;
    size_t idle_experts = 0; ///< those to which no token was routed, over all layers and weights
};

/// Makes the importance matrix of a model over a text, as llama-imatrix does; `progress` gets chunks done and in all.
/// Throws what Engine, Chunks, ActivationSums and write_imatrix throw, and DATA_INVALID for a partial file that does
/// not fit the text.
ImatrixResult make_imatrix(const ImatrixOptions& options, const Cancel& cancel,
                           const std::function<void(int64_t done, int64_t total)>& progress);

} // namespace medilora
