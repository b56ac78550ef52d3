#pragma once

#include <cstdint>

#include "ggml.h"

namespace medilora {

/// Products of packed operands in one number format (float32, or bfloat16 with float32 sums).
/// A packed operand of width w holds, for each group of `k_step` steps of k, its w rows (of A) or columns (of B),
/// each with the group's k_step values side by side. k is padded with zeros to a multiple of k_step.
struct TileKernel {
    int mr, nr;       ///< the tile: rows of C by columns; 0 where the processor lacks the format
    int k_step;       ///< steps of k that one instruction multiplies
    int element_size; ///< bytes
    /// C[mr, nr] (+)= A B over k steps (a multiple of k_step); ldc in floats.
    void (*tile)(int64_t k, const void* a, const void* b, float* c, int64_t ldc, bool accumulate);
    /// C += A B with every sum going on from C's value, so that k cut anywhere gives the very same bits.
    void (*continue_tile)(int64_t k, const void* a, const void* b, float* c, int64_t ldc);
    /// Packs alpha * x, where `lines` <= width rows (columns) lie `stride` floats apart and k is contiguous.
    void (*pack_along)(const float* x, int64_t stride, int64_t lines, int64_t width, int64_t k, float alpha, void* out);
    /// The same where the width is contiguous and steps of k lie `stride` floats apart.
    void (*pack_across)(const float* x, int64_t stride, int64_t lines, int64_t width, int64_t k, float alpha,
                        void* out);
    /// Multiplies registers only, `rounds` times; returns the floating-point operations done. For measuring the peak.
    double (*spin)(int64_t rounds);
};

/// The inner loops, compiled once for each instruction set. All matrices are float32, row-major.
struct Kernels {
    const char* name;
    TileKernel f32, bf16;
    /// Dequantises n weights (whole blocks) to float32; false for a type that has no loop of ours.
    bool (*dequantize)(ggml_type type, const void* blocks, float* out, int64_t n);
    /// Rounds n floats to float16, to the nearest and ties to even; false where there is no loop of ours.
    bool (*to_f16)(const float* in, void* out, int64_t n);

    /// out[d] = sum_j softmax_j(scale q.k_j) v_j over `n` rows of K and V that lie `stride` floats apart.
    /// `scratch` holds n floats. Returns the log of the softmax's denominator.
    float (*attend)(const float* q, const float* k, const float* v, int64_t n, int64_t stride, int64_t d, float scale,
                    float* out, float* scratch);
    /// The same row backward: adds to dq[d], and to dk, dv (n rows, `stride` apart), given dout[d], out[d] and lse.
    void (*attend_backward)(const float* q, const float* k, const float* v, int64_t n, int64_t stride, int64_t d,
                            float scale, const float* out, float lse, const float* dout, float* dq, float* dk,
                            float* dv, float* scratch);

    /// act = silu(gate) * up, elementwise over n.
    void (*swiglu)(const float* gate, const float* up, float* act, int64_t n);
    /// dgate, dup from dact; dgate may be the same array as dact.
    void (*swiglu_backward)(const float* gate, const float* up, const float* dact, float* dgate, float* dup, int64_t n);

    /// Replaces x[n] by exp(x - max); returns the sum, and the maximum through `max`.
    float (*softmax_numerators)(float* x, int64_t n, float* max);
};

/// The fastest set that this processor runs; MEDILORA_GEMM=avx512bf16|avx512|avx2|neonbf16|neon|generic forces one.
/// Throws ARGUMENT_INVALID where the forced one does not run here.
const Kernels& kernels();

const Kernels& kernels_generic();
#if defined(__x86_64__)
const Kernels& kernels_avx2();
const Kernels& kernels_avx512();
const Kernels& kernels_avx512bf16();
#elif defined(__aarch64__)
const Kernels& kernels_neon();
const Kernels& kernels_neonbf16();
#endif

} // namespace medilora
