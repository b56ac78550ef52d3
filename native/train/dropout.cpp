#include "train/dropout.h"

namespace medilora {

void Dropout::apply(Compute& c, const float* x, int64_t count, float* out, bool accumulate) const {
    const float scale = 1.0f / (1.0f - rate);
    c.pool.slices(count, 4096, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float kept = counter_uniform(key, static_cast<uint64_t>(i)) < rate ? 0.0f : scale * x[i];
            out[i] = accumulate ? out[i] + kept : kept;
        }
    });
}

} // namespace medilora
