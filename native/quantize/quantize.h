#pragma once

#include <functional>
#include <string>
#include <vector>

#include "util/cancel.h"

namespace medilora {

struct QuantizeOptions {
    std::string input, output;
    std::string type; ///< a name of quantize_types(), e.g. "Q3_K_L"
    int threads = 1;
    /// Quantises also from an already quantised file, adding its rounding errors to the new ones.
    bool allow_requantize = false;
};

/// The names that quantize() takes, llama.cpp's own. Some of the smallest need an importance matrix for most models,
/// which cannot be given yet: QUANTIZE_FAILED says so.
const std::vector<std::string>& quantize_types();

/// Writes what llama.cpp's llama_model_quantize writes, byte for byte. Returns the output's size in bytes.
/// `progress` gets tensors done and in all.
/// Throws TYPE_UNSUPPORTED for an unknown type, ARGUMENT_INVALID when the output is the input, MODEL_INVALID for a
/// damaged model or one that holds NaN or infinity, QUANTIZE_FAILED with llama.cpp's reason, DISK_FULL.
size_t quantize(const QuantizeOptions& options, const Cancel& cancel,
                const std::function<void(int64_t done, int64_t total)>& progress);

} // namespace medilora
