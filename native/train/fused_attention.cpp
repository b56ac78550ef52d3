#include "train/fused_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "gemm/kernels.h"

namespace medilora {

namespace {

/// Strips of queries in a block: with 64 dimensions, block and strip of keys stay in the first-level cache.
constexpr int64_t kStrips = 4;

int64_t round_up(int64_t a, int64_t b) {
    return (a + b - 1) / b * b;
}

/// Sizes of one call.
struct Shape {
    const TileKernel& tile = kernels().f32;
    const Hparams& h;
    int64_t group, d, padded_d, block;
    float scale;

    explicit Shape(const Hparams& hparams)
        : h(hparams), group(h.n_head / h.n_head_kv), d(h.head_dim), padded_d(round_up(d, tile.nr)),
          block(kStrips * tile.mr), scale(1.0f / std::sqrt(static_cast<float>(d))) {}

    /// Rows `x` [lines, d], `stride` floats apart, as the operand whose k is d. Returns floats written.
    void pack_along(const float* x, int64_t stride, int64_t lines, int width, float alpha, float* out) const {
        for (int64_t i = 0; i < lines; i += width)
            tile.pack_along(x + i * stride, stride, std::min<int64_t>(width, lines - i), width, d, alpha, out + i * d);
    }
    /// The same rows as the second operand whose k is the lines: strips of nr columns of d, each lines x nr.
    void pack_across(const float* x, int64_t stride, int64_t lines, float* out) const {
        for (int64_t j = 0; j < d; j += tile.nr)
            tile.pack_across(x + j, stride, std::min<int64_t>(tile.nr, d - j), tile.nr, lines, 1.0f, out + j * lines);
    }
};

/// One sequence's keys and values of one head, packed for all products of the sequence.
struct PackedHead {
    int64_t begin = 0, tokens = 0, padded = 0; // the sequence; its length as a multiple of nr
    Buffer keys;                               // operand of q k^T
    Buffer values;                             // operand of p v
    Buffer values_along;                       // operand of dout v^T (backward)
    Buffer keys_across;                        // operand of ds k (backward)

    PackedHead(const Shape& s, std::pair<int32_t, int32_t> segment, const float* k, const float* v, bool backward)
        : begin(segment.first), tokens(segment.second - segment.first), padded(round_up(tokens, s.tile.nr)) {
        const int64_t stride = s.h.kv_size();
        s.pack_along(k, stride, tokens, s.tile.nr, 1.0f, keys.resize(padded * s.d));
        if (!backward) {
            s.pack_across(v, stride, tokens, values.resize(s.padded_d * tokens));
            return;
        }
        s.pack_along(v, stride, tokens, s.tile.nr, 1.0f, values_along.resize(padded * s.d));
        s.pack_across(k, stride, tokens, keys_across.resize(s.padded_d * tokens));
    }
};

/// A block of queries and the keys that any of them sees, as strips of the packed head.
struct QueryBlock {
    int64_t first, rows, strips; // tokens of the batch
    int64_t key0, keys;          // within the sequence; key0 and keys are multiples of nr, all strips exist
    int64_t seen;                // keys that are really there: the product with the values is over these

    QueryBlock(const Shape& s, const PreparedBatch& batch, const PackedHead& head, int64_t from, int64_t to)
        : first(from), rows(to - from), strips((rows + s.tile.mr - 1) / s.tile.mr) {
        key0 = (batch.first[from] - head.begin) / s.tile.nr * s.tile.nr;
        const int64_t end = batch.last[to - 1] - head.begin;
        keys = round_up(end, s.tile.nr) - key0;
        seen = end - key0;
    }
};

/// What one thread works with.
struct Scratch {
    Buffer queries, scores, d_scores, packed, product, gradient;
    Buffer dk, dv; // of one sequence and head [tokens rounded up to mr, padded d]
};

/// scores [strips * mr, keys] = a b^T, where a are packed rows and b the strips of a packed head.
void multiply_strips(const Shape& s, const QueryBlock& block, const float* packed_rows, const float* packed_head,
                     float* scores) {
    for (int64_t j = 0; j < block.keys; j += s.tile.nr)
        for (int64_t i = 0; i < block.strips; ++i)
            s.tile.tile(s.d, packed_rows + i * s.tile.mr * s.d, packed_head + (block.key0 + j) * s.d,
                        scores + i * s.tile.mr * block.keys + j, block.keys, false);
}

/// out [strips * mr, padded d] = p b over the keys that are seen, where b [tokens, d] is packed across.
void multiply_weighted(const Shape& s, const QueryBlock& block, const PackedHead& head, const float* p, const float* b,
                       Buffer& packed, float* out) {
    float* a = packed.resize(s.tile.mr * block.keys);
    for (int64_t i = 0; i < block.strips; ++i) {
        s.tile.pack_along(p + i * s.tile.mr * block.keys, block.keys, s.tile.mr, s.tile.mr, block.seen, 1.0f, a);
        for (int64_t j = 0; j < s.padded_d; j += s.tile.nr)
            s.tile.tile(block.seen, a, b + j * head.tokens + block.key0 * s.tile.nr,
                        out + i * s.tile.mr * s.padded_d + j, s.padded_d, false);
    }
}

/// Softmax of each row over the keys that its query sees, zero elsewhere; not divided by the sums, which are returned.
void softmax_rows(const PreparedBatch& batch, const PackedHead& head, const QueryBlock& block, float* scores,
                  float* sums) {
    for (int64_t r = 0; r < block.rows; ++r) {
        float* row = scores + r * block.keys;
        const int64_t from = batch.first[block.first + r] - head.begin - block.key0;
        const int64_t to = batch.last[block.first + r] - head.begin - block.key0;
        std::fill(row, row + from, 0.0f);
        float max;
        sums[r] = kernels().softmax_numerators(row + from, to - from, &max);
        std::fill(row + to, row + block.keys, 0.0f);
    }
}

void forward_block(const Shape& s, const PreparedBatch& batch, const PackedHead& head, int64_t kv_head,
                   const QueryBlock& block, const float* q, float* out, Scratch& scratch) {
    const int64_t size = s.h.q_size();
    float* queries = scratch.queries.resize(s.block * s.d);
    float* scores = scratch.scores.resize(s.block * block.keys);
    float* product = scratch.product.resize(s.block * s.padded_d);
    std::vector<float> sums(block.rows);
    for (int64_t g = 0; g < s.group; ++g) {
        const int64_t at = block.first * size + (kv_head * s.group + g) * s.d;
        s.pack_along(q + at, size, block.rows, s.tile.mr, s.scale, queries);
        multiply_strips(s, block, queries, head.keys, scores);
        softmax_rows(batch, head, block, scores, sums.data());
        multiply_weighted(s, block, head, scores, head.values, scratch.packed, product);
        for (int64_t r = 0; r < block.rows; ++r) {
            const float inverse = 1.0f / sums[r];
            for (int64_t j = 0; j < s.d; ++j) out[at + r * size + j] = product[r * s.padded_d + j] * inverse;
        }
    }
}

/// d_scores = p (dp - delta) scale, with p divided by its sum first; delta = dout . out of the row.
void score_gradients(const Shape& s, const QueryBlock& block, const float* sums, const float* out, const float* dout,
                     float* p, float* dp) {
    const int64_t size = s.h.q_size();
    for (int64_t r = 0; r < block.rows; ++r) {
        float delta = 0;
        for (int64_t j = 0; j < s.d; ++j) delta += out[r * size + j] * dout[r * size + j];
        const float inverse = 1.0f / sums[r];
        float *p_row = p + r * block.keys, *d_row = dp + r * block.keys;
        for (int64_t j = 0; j < block.keys; ++j) {
            p_row[j] *= inverse;
            d_row[j] = p_row[j] * (d_row[j] - delta) * s.scale;
        }
    }
}

/// gradient [keys from key0, padded d] += w^T x, where w [rows, keys] and x [rows, d] with rows `stride` floats apart.
void add_transposed(const Shape& s, const QueryBlock& block, const float* w, const float* x, int64_t stride,
                    Scratch& scratch, float* gradient) {
    float* b = scratch.gradient.resize(s.padded_d * block.rows);
    s.pack_across(x, stride, block.rows, b);
    float* a = scratch.packed.resize(s.tile.mr * block.rows);
    // Strips of mr keys; the last may reach beyond the keys seen, where w is zero or not there.
    for (int64_t i = 0; i < block.seen; i += s.tile.mr) {
        s.tile.pack_across(w + i, block.keys, std::min<int64_t>(s.tile.mr, block.keys - i), s.tile.mr, block.rows, 1.0f,
                           a);
        for (int64_t j = 0; j < s.padded_d; j += s.tile.nr)
            s.tile.tile(block.rows, a, b + j * block.rows, gradient + (block.key0 + i) * s.padded_d + j, s.padded_d,
                        true);
    }
}

void backward_block(const Shape& s, const PreparedBatch& batch, const PackedHead& head, int64_t kv_head,
                    const QueryBlock& block, const float* q, const float* out, const float* dout, float* dq,
                    Scratch& scratch) {
    const int64_t size = s.h.q_size();
    float* rows = scratch.queries.resize(s.block * s.d);
    float* p = scratch.scores.resize(s.block * block.keys);
    float* ds = scratch.d_scores.resize(s.block * block.keys);
    float* product = scratch.product.resize(s.block * s.padded_d);
    std::vector<float> sums(block.rows);
    for (int64_t g = 0; g < s.group; ++g) {
        const int64_t at = block.first * size + (kv_head * s.group + g) * s.d;
        s.pack_along(q + at, size, block.rows, s.tile.mr, s.scale, rows);
        multiply_strips(s, block, rows, head.keys, p);
        softmax_rows(batch, head, block, p, sums.data());
        s.pack_along(dout + at, size, block.rows, s.tile.mr, 1.0f, rows);
        multiply_strips(s, block, rows, head.values_along, ds); // dp = dout v^T
        score_gradients(s, block, sums.data(), out + at, dout + at, p, ds);
        add_transposed(s, block, p, dout + at, size, scratch, scratch.dv);                // dv += p^T dout
        add_transposed(s, block, ds, q + at, size, scratch, scratch.dk);                  // dk += ds^T q
        multiply_weighted(s, block, head, ds, head.keys_across, scratch.packed, product); // dq = ds k
        for (int64_t r = 0; r < block.rows; ++r)
            std::memcpy(dq + at + r * size, product + r * s.padded_d, s.d * sizeof(float));
    }
}

void backward_head(const Shape& s, const PreparedBatch& batch, const PackedHead& head, int64_t kv_head, const float* q,
                   const float* out, const float* dout, float* dq, float* dk, float* dv, Scratch& scratch) {
    const int64_t count = (head.padded + s.tile.mr) * s.padded_d;
    for (Buffer* gradient : {&scratch.dk, &scratch.dv}) std::memset(gradient->resize(count), 0, count * sizeof(float));
    const int64_t end = head.begin + head.tokens;
    for (int64_t i = head.begin; i < end; i += s.block)
        backward_block(s, batch, head, kv_head, {s, batch, head, i, std::min(end, i + s.block)}, q, out, dout, dq,
                       scratch);
    for (int64_t i = 0; i < head.tokens; ++i) {
        const int64_t to = (head.begin + i) * s.h.kv_size() + kv_head * s.d;
        std::memcpy(dk + to, scratch.dk + i * s.padded_d, s.d * sizeof(float));
        std::memcpy(dv + to, scratch.dv + i * s.padded_d, s.d * sizeof(float));
    }
}

} // namespace

void fused_attention_forward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                             const float* v, float* out) {
    const Shape s(h);
    const int64_t heads = static_cast<int64_t>(batch.segments.size()) * h.n_head_kv;
    std::vector<std::unique_ptr<PackedHead>> packed(heads);
    c.pool.run(heads, [&](int64_t i, int) {
        const auto segment = batch.segments[i / h.n_head_kv];
        const int64_t at = segment.first * h.kv_size() + i % h.n_head_kv * h.head_dim;
        packed[i] = std::make_unique<PackedHead>(s, segment, k + at, v + at, false);
    });
    struct Task {
        int64_t head, from, to;
    };
    std::vector<Task> tasks;
    for (int64_t i = 0; i < heads; ++i) {
        const auto& [begin, end] = batch.segments[i / h.n_head_kv];
        // The last blocks see most keys: they come first, so that no thread is left with one at the end.
        for (int64_t from = begin + (end - begin - 1) / s.block * s.block; from >= begin; from -= s.block)
            tasks.push_back({i, from, std::min<int64_t>(end, from + s.block)});
    }
    std::vector<Scratch> scratch(c.pool.size());
    c.pool.run(static_cast<int64_t>(tasks.size()), [&](int64_t t, int thread) {
        const Task& task = tasks[t];
        const PackedHead& head = *packed[task.head];
        forward_block(s, batch, head, task.head % h.n_head_kv, {s, batch, head, task.from, task.to}, q, out,
                      scratch[thread]);
    });
}

void fused_attention_backward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                              const float* v, const float* out, const float* dout, float* dq, float* dk, float* dv) {
    const Shape s(h);
    std::vector<Scratch> scratch(c.pool.size());
    // One task a sequence and key-value head: everything that adds to the same dk and dv stays on one thread.
    c.pool.run(static_cast<int64_t>(batch.segments.size()) * h.n_head_kv, [&](int64_t i, int thread) {
        const auto segment = batch.segments[i / h.n_head_kv];
        const int64_t kv_head = i % h.n_head_kv;
        const int64_t at = segment.first * h.kv_size() + kv_head * h.head_dim;
        const PackedHead head(s, segment, k + at, v + at, true);
        backward_head(s, batch, head, kv_head, q, out, dout, dq, dk, dv, scratch[thread]);
    });
}

} // namespace medilora
