#pragma once

#include <functional>
#include <string>

#include "adapter/adapter_file.h"
#include "adapter/late_text.h"
#include "util/cancel.h"

namespace medilora {

struct WeightedAdapter {
    std::string path;
    float weight = 1.0f;
};

struct MergeOptions {
    std::string base, output;
    std::vector<WeightedAdapter> adapters; ///< at least one
    /// GGML_TYPE_COUNT: the base's own float type, or F16 for a quantised base.
    ggml_type type = GGML_TYPE_COUNT;
    float scale = 1.0f; ///< multiplies every adapter's weight
    /// A name of quantize_types(): the output is the merged model quantised to it. Empty: the merged model itself.
    std::string quantize;
    int threads = 1;
    Metadata metadata;
};

struct MergeResult {
    size_t bytes = 0;
    int64_t merged_tensors = 0;
    ggml_type type = GGML_TYPE_F16; ///< what the matrices were merged as
    bool base_quantized = false;    ///< the base's rounding errors stay in the merged weights
};

/// W' = W + sum_i scale * weight_i * (alpha_i / rank_i) B_i A_i in float32, some rows at a time; everything else is
/// copied or converted. To quantise, the merged model is a temporary file beside the output, of mode 0600, that goes in
/// any case. A base in several parts becomes one file. What a base says in `medilora.` keys is replaced by `metadata`.
/// `base_sha256` goes into the metadata too: hashing takes about as long as the merge, which waits for it at its end
/// only. `progress` gets tensors done and in all; those that are quantised count again. Throws ADAPTER_MISMATCH when an
/// adapter tensor has no counterpart, TYPE_UNSUPPORTED for a type other than F32, F16, BF16 or an unknown quantisation,
/// ARGUMENT_INVALID when the output is one of the inputs, ADAPTER_INVALID or MODEL_INVALID when a number of the
/// adapters, the base or the result is not finite; as quantize() does.
/// @see Hu et al. 2021, LoRA, section 4.1
MergeResult merge_adapters(const MergeOptions& options, const LateText& base_sha256, const Cancel& cancel,
                           const std::function<void(int64_t done, int64_t total)>& progress);

} // namespace medilora
