#include "train/rope.h"

namespace medilora {

void rope(Compute& c, const PreparedBatch& batch, float* x, int64_t heads, const Hparams& h, float direction) {
    const int64_t half = h.n_rot / 2;
    const int64_t step = h.rope_halves ? 1 : 2, partner = h.rope_halves ? half : 1;
    c.pool.slices(batch.n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float *cosines = batch.cos.data() + i * half, *sines = batch.sin.data() + i * half;
            for (int64_t head = 0; head < heads; ++head) {
                float* p = x + (i * heads + head) * h.head_dim;
                for (int64_t j = 0; j < half; ++j) {
                    float &first = p[step * j], &second = p[step * j + partner];
                    const float a = first, b = second, s = direction * sines[j];
                    first = a * cosines[j] - b * s;
                    second = a * s + b * cosines[j];
                }
            }
        }
    });
}

} // namespace medilora
