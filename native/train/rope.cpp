#include "train/rope.h"

namespace medilora {

void rope(Compute& c, const PreparedBatch& batch, float* x, int64_t heads, const Hparams& h, float direction) {
    const int64_t half = h.n_rot / 2;
    c.pool.slices(batch.n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float *cosines = batch.cos.data() + i * half, *sines = batch.sin.data() + i * half;
            for (int64_t head = 0; head < heads; ++head) {
                float* p = x + (i * heads + head) * h.head_dim;
                for (int64_t j = 0; j < half; ++j) {
                    const float a = p[2 * j], b = p[2 * j + 1], s = direction * sines[j];
                    p[2 * j] = a * cosines[j] - b * s;
                    p[2 * j + 1] = a * s + b * cosines[j];
                }
            }
        }
    });
}

} // namespace medilora
