#pragma once

#include "gemm/kernels.h"

namespace medilora {

/// Random queries over a random cache, of which every query reads some runs of cells.
struct AttentionCase {
    int64_t tokens = 0, cells = 0, heads = 0, kv_heads = 0; ///< heads a multiple of kv_heads
    int64_t d_k = 0, d_v = 0;                               ///< of a head; multiples of the cache type's block
    ggml_type type = GGML_TYPE_F32;                         ///< of the cache
    float softcap = 0;
    bool biased = false; ///< the masks add something to the scores
    uint64_t seed = 0;
    int threads = 1;
    const Kernels* set = nullptr;
};

struct AttentionReport {
    /// |result - reference| / |reference| in float64, Frobenius norms.
    double error = 0;
    /// Whether each query alone, on one thread, gives the very same bits.
    bool alone = false;
    /// Whether it gives them, too, when its cells lie elsewhere in a larger cache.
    bool moved = false;
};

/// Throws ARGUMENT_INVALID for a case that cannot be.
AttentionReport check_attention(const AttentionCase& c);

} // namespace medilora
