#pragma once

#include <string>
#include <vector>

#include "gemm/gemm.h"
#include "util/buffer.h"

namespace medilora {

/// One product to check or measure. `multiply` is C[tokens, rows] = A[tokens, cols] B[cols, rows] of float32 matrices.
struct GemmCase {
    enum Direction { kForward, kBackward, kMultiply };
    Direction direction = kForward;
    ggml_type type = GGML_TYPE_F32;
    int64_t rows = 0, cols = 0, tokens = 0; ///< W is [rows, cols]; cols a multiple of the type's block
    uint64_t seed = 0;
    int threads = 1;
    const Kernels* set = nullptr;
    bool accumulate = false;
    /// The forward product never does.
    bool accumulates() const { return accumulate && direction != kForward; }
    bool through_ggml = false; ///< as an operation of the ggml backend
};

struct GemmReport {
    /// |result - reference| / |reference|, Frobenius norms, the latter as if no terms of a sum cancelled each other
    /// (for random signs that is what it is, except by chance in a tiny result); infinite when anything outside the
    /// result was written.
    double error = 0;
    /// Whether one thread gives the very same bits.
    bool identical = false;
    bool bf16 = false;
};

/// Compares a product of random operands with the float64 product of the dequantised weights.
/// Throws ARGUMENT_INVALID for a case that cannot be.
GemmReport check_gemm(const GemmCase& c);

/// Throws ARGUMENT_INVALID unless the case can be.
void validate(const GemmCase& c);

/// Random weights of the case's type, in bytes of ggml.
Buffer random_weights(const GemmCase& c);
/// Random float32 values from -1 to 1.
Buffer random_floats(int64_t count, uint64_t seed);

/// Types that ggml can both make and dequantise.
std::vector<ggml_type> testable_types();

} // namespace medilora
