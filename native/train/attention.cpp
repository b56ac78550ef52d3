#include "train/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gemm/kernels.h"

namespace medilora {

void attention_forward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                       const float* v, float* out, float* lse) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(h.head_dim));
    const int64_t group = h.n_head / h.n_head_kv, d = h.head_dim;
    Buffer scratch(c.pool.size() * batch.n);
    // Late rows attend to more than early ones; handing them out one by one keeps the threads even.
    c.pool.run(batch.n, [&](int64_t i, int thread) {
        const int64_t first = batch.first[i], count = batch.last[i] - first;
        for (int64_t head = 0; head < h.n_head; ++head) {
            const int64_t kv = first * h.kv_size() + head / group * d;
            const int64_t at = i * h.q_size() + head * d;
            lse[i * h.n_head + head] = kernels().attend(q + at, k + kv, v + kv, count, h.kv_size(), d, scale, out + at,
                                                        scratch + thread * batch.n);
        }
    });
}

void attention_backward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                        const float* v, const float* out, const float* lse, const float* dout, float* dq, float* dk,
                        float* dv) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(h.head_dim));
    const int64_t group = h.n_head / h.n_head_kv, d = h.head_dim;
    Buffer scratch(c.pool.size() * batch.n);
    std::memset(dq, 0, batch.n * h.q_size() * sizeof(float));
    std::memset(dk, 0, batch.n * h.kv_size() * sizeof(float));
    std::memset(dv, 0, batch.n * h.kv_size() * sizeof(float));
    // One task a sequence and key-value head: everything that adds to the same dk and dv stays on one thread.
    const int64_t tasks = static_cast<int64_t>(batch.segments.size()) * h.n_head_kv;
    c.pool.run(tasks, [&](int64_t task, int thread) {
        const auto [begin, end] = batch.segments[task / h.n_head_kv];
        const int64_t kv_head = task % h.n_head_kv;
        for (int64_t i = begin; i < end; ++i) {
            const int64_t first = batch.first[i], kv = first * h.kv_size() + kv_head * d;
            for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
                const int64_t at = i * h.q_size() + head * d;
                kernels().attend_backward(q + at, k + kv, v + kv, batch.last[i] - first, h.kv_size(), d, scale,
                                          out + at, lse[i * h.n_head + head], dout + at, dq + at, dk + kv, dv + kv,
                                          scratch + thread * batch.n);
            }
        }
    });
}

} // namespace medilora
