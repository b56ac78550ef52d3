#pragma once

#include "gguf/gguf_file.h"

namespace medilora {

/// Whether none of `n` elements of F32, F16 or BF16 is infinite or no number. True for any other type.
bool all_finite(ggml_type type, const void* values, size_t n);

/// Whether a tensor holds finite numbers only, dequantised where it is quantised. True for integers.
bool tensor_is_finite(const GgufTensor& tensor);

} // namespace medilora
