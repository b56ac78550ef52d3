#pragma once

#include <cstdint>

#include "train/compute.h"

namespace medilora {

/// Splitmix64's finaliser: a bijection of 64-bit integers that looks random.
inline uint64_t mix64(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/// A uniform number in [0, 1) that depends only on (key, index): recomputing and resuming see the same one.
inline float counter_uniform(uint64_t key, uint64_t index) {
    return static_cast<float>(mix64(key + index * 0x9e3779b97f4a7c15ull) >> 40) * 0x1p-24f;
}

/// Dropout from a counter-based generator: the mask is never stored.
struct Dropout {
    float rate = 0; ///< share of the inputs that is zeroed; the rest is scaled by 1 / (1 - rate)
    uint64_t key = 0;

    bool active() const { return rate > 0; }
    /// out = mask * x / (1 - rate), elementwise; accumulates into `out` when told to.
    void apply(Compute& c, const float* x, int64_t count, float* out, bool accumulate) const;
};

} // namespace medilora
