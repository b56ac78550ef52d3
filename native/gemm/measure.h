#pragma once

#include "gemm/check.h"
#include "util/cancel.h"

namespace medilora {

/// Medians over the repeats, in 10^9 floating-point operations a second (a multiplication and an addition are two).
struct GemmRates {
    double gflops = 0;
    double ggml_gflops = 0; ///< 0 when not asked for
    /// What the processor multiplies in registers, in the same format and with as many threads.
    double peak_gflops = 0;
    /// Median of the ratios of neighbours in time: other load on the machine changes both.
    double share_of_peak = 0;
    double ratio_to_ggml = 0;
};

/// Measures a case, each repeat between two measurements of the peak. `ggml_tokens` > 0 measures ggml's own operation
/// with that many tokens (its OUT_PROD takes minutes for many, at a rate that does not depend on them).
/// Throws ARGUMENT_INVALID, ABORTED.
GemmRates measure_gemm(const GemmCase& c, int repeats, int64_t ggml_tokens, const Cancel& cancel);

/// The peak of one format on a pool's threads, in GFLOP/s.
double measure_peak(ThreadPool& pool, const TileKernel& tile);

} // namespace medilora
