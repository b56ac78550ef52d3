#pragma once

#include <cmath>
#include <cstdint>

namespace medilora {

/// log(sum(exp(logits[0..n)))) in double; NaN when a logit is NaN or +infinity.
inline double log_sum_exp(const float* logits, int32_t n) {
    double highest = -INFINITY;
    for (int32_t i = 0; i < n; ++i) highest = logits[i] > highest ? logits[i] : highest;
    double sum = 0;
    for (int32_t i = 0; i < n; ++i) sum += std::exp(logits[i] - highest);
    return highest + std::log(sum);
}

} // namespace medilora
