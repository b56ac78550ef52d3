#include "gguf/finite.h"

namespace medilora {

namespace {

/// Infinities and NaNs are the floats whose exponent bits are all set. Without an early exit this becomes SIMD code.
template <typename Bits> bool exponents_below(Bits exponent, const void* values, size_t n) {
    const Bits* bits = static_cast<const Bits*>(values);
    Bits found = 0;
    for (size_t i = 0; i < n; ++i) found |= (bits[i] & exponent) == exponent;
    return found == 0;
}

} // namespace

bool all_finite(ggml_type type, const void* values, size_t n) {
    switch (type) {
    case GGML_TYPE_F32:
        return exponents_below<uint32_t>(0x7f800000, values, n);
    case GGML_TYPE_F16:
        return exponents_below<uint16_t>(0x7c00, values, n);
    case GGML_TYPE_BF16:
        return exponents_below<uint16_t>(0x7f80, values, n);
    default:
        return true;
    }
}

bool tensor_is_finite(const GgufTensor& tensor) {
    if (!ggml_is_quantized(tensor.type))
        return all_finite(tensor.type, tensor.data, static_cast<size_t>(tensor.elements()));
    if (!can_dequantize(tensor.type)) return true;
    std::vector<float> row(static_cast<size_t>(tensor.ne[0]));
    const char* data = static_cast<const char*>(tensor.data);
    for (int64_t i = 0; i < tensor.rows(); ++i) {
        dequantize_row(tensor.type, data + i * tensor.row_bytes(), row.data(), tensor.ne[0]);
        if (!all_finite(GGML_TYPE_F32, row.data(), row.size())) return false;
    }
    return true;
}

} // namespace medilora
