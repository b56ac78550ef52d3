#pragma once

#include <functional>
#include <string>
#include <vector>

#include "quantize/tensor_types.h"
#include "util/cancel.h"

namespace medilora {

struct QuantizeOptions {
    std::string input, output;
    std::string type;    ///< a name of quantize_types(), e.g. "Q3_K_L"
    std::string imatrix; ///< path of an importance matrix of this model; empty for none
    TensorTypes tensor_types;
    int threads = 1;
    /// Quantises also from an already quantised file, adding its rounding errors to the new ones.
    bool allow_requantize = false;
};

struct QuantizeResult {
    size_t bytes = 0; ///< of the output
    /// Tensors whose rows are no whole blocks of the type meant for them, so that llama.cpp chose another.
    size_t fallbacks = 0;
    /// Quantised tensors of which the importance matrix says nothing, embedding and output apart.
    size_t without_importance = 0;
};

/// The names that quantize() takes, in any case: llama.cpp's own, its aliases Q3_K, Q4_K and Q5_K left out. Some of the
/// smallest need an importance matrix for most models: QUANTIZE_FAILED says so.
const std::vector<std::string>& quantize_types();

/// Writes what llama-quantize of the same llama.cpp writes, byte for byte. `progress` gets tensors done and in all.
/// Throws TYPE_UNSUPPORTED for an unknown type, ARGUMENT_INVALID when the output is the input, or for tensor types that
/// fit nothing; MODEL_INVALID for a damaged model or one that holds NaN or infinity, DATA_INVALID for a damaged
/// importance matrix; QUANTIZE_FAILED for one of another model, or with llama.cpp's reason; DISK_FULL.
QuantizeResult quantize(const QuantizeOptions& options, const Cancel& cancel,
                        const std::function<void(int64_t done, int64_t total)>& progress);

} // namespace medilora
