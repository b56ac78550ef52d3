#pragma once

#include <functional>
#include <string>

#include "adapter/adapter_file.h"
#include "util/cancel.h"

namespace medilora {

struct MergeOptions {
    std::string base, adapter, output;
    /// GGML_TYPE_COUNT: the base's own float type, or F16 for a quantised base.
    ggml_type type = GGML_TYPE_COUNT;
    float scale = 1.0f; ///< multiplies the adapter's own alpha / rank
    int threads = 1;
    Metadata metadata;
};

struct MergeResult {
    size_t bytes = 0;
    int64_t merged_tensors = 0;
    ggml_type type = GGML_TYPE_F16; ///< what the matrices were written as
    bool base_quantized = false;    ///< the base's rounding errors stay in the merged weights
};

/// W' = W + scale * (alpha / rank) B A in float32, a few rows at a time; everything else is copied or converted.
/// `progress` gets tensors done and in all.
/// Throws ADAPTER_MISMATCH when an adapter tensor has no counterpart, TYPE_UNSUPPORTED for a type other than F32, F16,
/// BF16, ARGUMENT_INVALID when the output is one of the inputs, ADAPTER_INVALID or MODEL_INVALID when a number of the
/// adapter, the base or the result is not finite.
/// @see Hu et al. 2021, LoRA, section 4.1
MergeResult merge_adapter(const MergeOptions& options, const Cancel& cancel,
                          const std::function<void(int64_t done, int64_t total)>& progress);

} // namespace medilora
