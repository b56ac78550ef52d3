#include "train/block.h"

#include <algorithm>
#include <cstring>

#include "gemm/kernels.h"
#include "train/attention.h"
#include "train/fused_attention.h"
#include "train/norm.h"
#include "train/rope.h"

namespace medilora {

namespace {

/// The layers of one block with what they share, so that a call names only what differs.
struct Layers {
    Compute& c;
    const Block& block;
    const TrainingNoise& noise;
    LinearScratch& scratch;
    const PreparedBatch& batch;

    void forward(Module m, const float* x, float* y, BlockActivations& acts) {
        const int i = static_cast<int>(m);
        linear_forward(c, block.linear[i], noise.dropout(block.index, i), scratch, x, batch.n, y, acts.lora[i]);
    }
    void backward(Module m, const float* x, const BlockActivations& acts, const float* dy, float* dx, bool accumulate) {
        const int i = static_cast<int>(m);
        linear_backward(c, block.linear[i], noise.dropout(block.index, i), scratch, batch, x, acts.lora[i], dy, dx,
                        accumulate);
    }
};

void add(Compute& c, const float* a, const float* b, int64_t count, float* out) {
    c.pool.slices(count, 4096, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = a[i] + b[i];
    });
}

/// The backward pass of the norm by heads, into `d_raw`.
const float* head_norm_backward(Compute& c, const float* raw, const float* weight, const float* rstd, const float* dy,
                                int64_t rows, const Hparams& h, Buffer& d_raw, float* weight_gradient) {
    float* dx = d_raw.resize(rows * h.head_dim);
    std::memset(dx, 0, rows * h.head_dim * sizeof(float));
    rms_norm_backward(c, raw, weight, rstd, dy, rows, h.head_dim, dx, weight_gradient);
    return dx;
}

} // namespace

int64_t BlockActivations::floats_per_token(const Hparams& h, const Block& block) {
    int64_t total = 3 * h.n_embd + 2 * h.q_size() + 2 * h.kv_size() + 3 * h.n_ff + h.n_head + 2;
    if (h.qk_norm) total += h.q_size() + h.kv_size() + h.n_head + h.n_head_kv;
    for (const Linear& linear : block.linear) total += linear.lora.rank;
    return total;
}

void BlockActivations::resize(const Hparams& h, const Block& block, int64_t n) {
    for (Buffer* b : {&h1, &middle, &h2}) b->resize(n * h.n_embd);
    for (Buffer* b : {&q, &attended}) b->resize(n * h.q_size());
    for (Buffer* b : {&k, &v}) b->resize(n * h.kv_size());
    for (Buffer* b : {&gate, &up, &act}) b->resize(n * h.n_ff);
    for (Buffer* b : {&rstd1, &rstd2}) b->resize(n);
    lse.resize(n * h.n_head);
    if (h.qk_norm) {
        q_raw.resize(n * h.q_size());
        k_raw.resize(n * h.kv_size());
        q_rstd.resize(n * h.n_head);
        k_rstd.resize(n * h.n_head_kv);
    }
    for (int i = 0; i < kModules; ++i)
        if (block.linear[i].lora.rank > 0) lora[i].resize(n * block.linear[i].lora.rank);
}

int64_t BlockScratch::floats_per_token(const Hparams& h) {
    const int64_t dropped = 2 * std::max({h.n_embd, h.n_ff, h.q_size()});
    return 2 * h.n_ff + h.n_embd + (h.qk_norm ? 3 : 2) * (h.q_size() + h.kv_size()) + dropped;
}

void BlockScratch::resize(const Hparams& h, int64_t n) {
    d_act.resize(n * h.n_ff);
    d_up.resize(n * h.n_ff);
    d_h.resize(n * h.n_embd);
    d_attended.resize(n * h.q_size());
    d_q.resize(n * h.q_size());
    d_k.resize(n * h.kv_size());
    d_v.resize(n * h.kv_size());
}

void block_forward(Compute& c, const Hparams& h, const PreparedBatch& batch, const Block& block,
                   const TrainingNoise& noise, const float* x, BlockActivations& acts, BlockScratch& scratch,
                   float* out) {
    const int64_t n = batch.n, e = h.n_embd;
    acts.resize(h, block, n);
    Layers layers{c, block, noise, scratch.linear, batch};

    rms_norm_forward(c, x, block.attn_norm, h.rms_eps, n, e, acts.h1, acts.rstd1);
    layers.forward(Module::kQ, acts.h1, h.qk_norm ? acts.q_raw : acts.q, acts);
    layers.forward(Module::kK, acts.h1, h.qk_norm ? acts.k_raw : acts.k, acts);
    layers.forward(Module::kV, acts.h1, acts.v, acts);
    if (h.qk_norm) {
        rms_norm_forward(c, acts.q_raw, block.q_norm, h.rms_eps, n * h.n_head, h.head_dim, acts.q, acts.q_rstd);
        rms_norm_forward(c, acts.k_raw, block.k_norm, h.rms_eps, n * h.n_head_kv, h.head_dim, acts.k, acts.k_rstd);
    }
    rope(c, batch, acts.q, h.n_head, h, 1.0f);
    rope(c, batch, acts.k, h.n_head_kv, h, 1.0f);
    if (c.plain_attention)
        attention_forward(c, batch, h, acts.q, acts.k, acts.v, acts.attended, acts.lse);
    else
        fused_attention_forward(c, batch, h, acts.q, acts.k, acts.v, acts.attended);
    layers.forward(Module::kO, acts.attended, acts.middle, acts);
    add(c, acts.middle, x, n * e, acts.middle);

    rms_norm_forward(c, acts.middle, block.ffn_norm, h.rms_eps, n, e, acts.h2, acts.rstd2);
    layers.forward(Module::kGate, acts.h2, acts.gate, acts);
    layers.forward(Module::kUp, acts.h2, acts.up, acts);
    c.pool.slices(n * h.n_ff, 4096, [&](int64_t begin, int64_t end) {
        kernels().swiglu(acts.gate + begin, acts.up + begin, acts.act + begin, end - begin);
    });
    layers.forward(Module::kDown, acts.act, out, acts);
    add(c, out, acts.middle, n * e, out);
}

void block_backward(Compute& c, const Hparams& h, const PreparedBatch& batch, const Block& block,
                    const TrainingNoise& noise, const float* x, const BlockActivations& acts, BlockScratch& scratch,
                    float* dx, bool need_input) {
    const int64_t n = batch.n, e = h.n_embd;
    scratch.resize(h, n);
    Layers layers{c, block, noise, scratch.linear, batch};

    // out = middle + down(silu(gate(h2)) * up(h2)), h2 = norm(middle)
    layers.backward(Module::kDown, acts.act, acts, dx, scratch.d_act, false);
    c.pool.slices(n * h.n_ff, 4096, [&](int64_t begin, int64_t end) {
        kernels().swiglu_backward(acts.gate + begin, acts.up + begin, scratch.d_act + begin, scratch.d_act + begin,
                                  scratch.d_up + begin, end - begin);
    });
    layers.backward(Module::kGate, acts.h2, acts, scratch.d_act, scratch.d_h, false);
    layers.backward(Module::kUp, acts.h2, acts, scratch.d_up, scratch.d_h, true);
    rms_norm_backward(c, acts.middle, block.ffn_norm, acts.rstd2, scratch.d_h, n, e, dx, block.ffn_norm_gradient);

    // middle = x + o(attention(rope(q), rope(k), v)), q, k, v of h1 = norm(x)
    layers.backward(Module::kO, acts.attended, acts, dx, scratch.d_attended, false);
    if (c.plain_attention)
        attention_backward(c, batch, h, acts.q, acts.k, acts.v, acts.attended, acts.lse, scratch.d_attended,
                           scratch.d_q, scratch.d_k, scratch.d_v);
    else
        fused_attention_backward(c, batch, h, acts.q, acts.k, acts.v, acts.attended, scratch.d_attended, scratch.d_q,
                                 scratch.d_k, scratch.d_v);
    rope(c, batch, scratch.d_q, h.n_head, h, -1.0f);
    rope(c, batch, scratch.d_k, h.n_head_kv, h, -1.0f);
    const float *d_q = scratch.d_q, *d_k = scratch.d_k;
    if (h.qk_norm) {
        d_q = head_norm_backward(c, acts.q_raw, block.q_norm, acts.q_rstd, d_q, n * h.n_head, h, scratch.d_q_raw,
                                 block.q_norm_gradient);
        d_k = head_norm_backward(c, acts.k_raw, block.k_norm, acts.k_rstd, d_k, n * h.n_head_kv, h, scratch.d_k_raw,
                                 block.k_norm_gradient);
    }
    float* d_h1 = need_input ? scratch.d_h.data() : nullptr;
    layers.backward(Module::kQ, acts.h1, acts, d_q, d_h1, false);
    layers.backward(Module::kK, acts.h1, acts, d_k, d_h1, true);
    layers.backward(Module::kV, acts.h1, acts, scratch.d_v, d_h1, true);
    if (need_input) rms_norm_backward(c, x, block.attn_norm, acts.rstd1, d_h1, n, e, dx, block.attn_norm_gradient);
}

} // namespace medilora
