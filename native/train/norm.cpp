#include "train/norm.h"

#include <cmath>

namespace medilora {

void rms_norm_forward(Compute& c, const float* x, const float* w, float eps, int64_t n, int64_t d, float* y,
                      float* rstd) {
    c.pool.slices(n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* row = x + i * d;
            double sum = 0;
            for (int64_t j = 0; j < d; ++j) sum += static_cast<double>(row[j]) * row[j];
            const float r = static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(d) + eps));
            for (int64_t j = 0; j < d; ++j) y[i * d + j] = row[j] * r * w[j];
            rstd[i] = r;
        }
    });
}

void rms_norm_backward(Compute& c, const float* x, const float* w, const float* rstd, const float* dy, int64_t n,
                       int64_t d, float* dx, float* dw) {
    c.pool.slices(n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float *row = x + i * d, *g = dy + i * d;
            double dot = 0;
            for (int64_t j = 0; j < d; ++j) dot += static_cast<double>(g[j]) * w[j] * row[j];
            const float r = rstd[i];
            const float shrink = static_cast<float>(dot / static_cast<double>(d)) * r * r * r;
            for (int64_t j = 0; j < d; ++j) dx[i * d + j] += g[j] * w[j] * r - row[j] * shrink;
        }
    });
    if (dw == nullptr) return;
    // By columns: each sum is made by one thread in token order, so it does not depend on the number of threads.
    c.pool.slices(d, 16, [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = begin; j < end; ++j) dw[j] += dy[i * d + j] * x[i * d + j] * rstd[i];
    });
}

} // namespace medilora
