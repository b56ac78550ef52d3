#include "gemm/cell_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gemm/panel.h"
#include "gguf/gguf_file.h"

namespace medilora {

namespace {

using Run = CellAttention::Run;
using Reads = CellAttention::Reads;
using Scratch = CellAttention::Scratch;

/// Tiles of queries' rows that share what is read and packed of the cache.
constexpr int64_t kStrips = 4;

/// Cells of masks that one thread reads before another would have woken.
constexpr int64_t kMasks = 1 << 16;

/// Multiplications below which one thread takes all blocks.
constexpr int64_t kAlone = 1 << 19;

/// Cells whose keys or values are taken at a time: a multiple of every tile's width.
constexpr int64_t kCells = 128;

/// Rows of the cache that are fetched ahead: one head's part of a row is too short for the processor to see a stream.
constexpr int64_t kAhead = 16;

/// libllama rounds a float32 cache to f16 for flash attention; this reads the cache itself.
const ggml_tensor* cache_of(const ggml_tensor* t) {
    return is_f16_cast(t) ? t->src[0] : t;
}

/// The operation's shapes: queries [heads, tokens, d_k], keys [kv_heads, cells, d_k], values [kv_heads, cells, d_v].
struct Call {
    const ggml_tensor *q, *k, *v, *mask, *out;
    int64_t d_k, d_v, tokens, cells, heads, kv_heads, group;
    float scale, softcap;

    explicit Call(const ggml_tensor* op)
        : q(op->src[0]), k(cache_of(op->src[1])), v(cache_of(op->src[2])), mask(op->src[3]), out(op), d_k(q->ne[0]),
          d_v(v->ne[0]), tokens(q->ne[1]), cells(k->ne[1]), heads(q->ne[2]), kv_heads(k->ne[2]),
          group(heads / kv_heads) {
        std::memcpy(&scale, op->op_params, sizeof(scale));
        std::memcpy(&softcap, op->op_params + 2, sizeof(softcap));
        if (softcap != 0.0f) scale /= softcap;
    }

    const ggml_fp16_t* mask_of(int64_t token) const { return row<ggml_fp16_t>(mask, token, 0); }
    const float* query(int64_t token, int64_t head) const { return row<float>(q, token, head); }
    float* result(int64_t token, int64_t head) const { return const_cast<float*>(row<float>(out, head, token)); }

  private:
    template <typename T> static const T* row(const ggml_tensor* t, int64_t i1, int64_t i2) {
        return reinterpret_cast<const T*>(static_cast<const char*>(t->data) + i1 * t->nb[1] + i2 * t->nb[2]);
    }
};

/// Runs of cells whose mask is not minus infinity.
void find_cells(const ggml_fp16_t* mask, int64_t cells, Reads& reads) {
    reads.runs.clear();
    reads.count = 0;
    reads.biased = false;
    for (int64_t c = 0; c < cells;) {
        const bool allowed = mask[c] != kMinusInfinity;
        int64_t end = c + 1;
        // Four cells at a time: a mask is mostly zeros and minus infinities.
        const uint64_t same = allowed ? 0 : 0xfc00fc00fc00fc00;
        for (uint64_t word = same; end + 4 <= cells; end += 4) {
            std::memcpy(&word, mask + end, sizeof(word));
            if (word != same) break;
        }
        const int64_t plain = end;
        while (end < cells && (mask[end] != kMinusInfinity) == allowed) ++end;
        if (allowed) {
            const auto zero = [](ggml_fp16_t one) { return one == 0; };
            reads.biased |= mask[c] != 0 || !std::all_of(mask + plain, mask + end, zero);
            reads.runs.push_back({static_cast<int32_t>(c), static_cast<int32_t>(end), reads.count});
            reads.count += static_cast<int32_t>(end - c);
        }
        c = end;
    }
}

/// Calls body(begin, end, index) for what a token reads of the cells [begin, end); `index` counts its cells before.
template <typename Body> void each_read(const Reads& reads, int64_t begin, int64_t end, Body body) {
    auto run = std::lower_bound(reads.runs.begin(), reads.runs.end(), begin,
                                [](const Run& one, int64_t cell) { return one.end <= cell; });
    for (; run != reads.runs.end() && run->begin < end; ++run) {
        const int64_t from = std::max<int64_t>(begin, run->begin), to = std::min<int64_t>(end, run->end);
        body(from, to, run->first + from - run->begin);
    }
}

/// Some tokens' queries of the heads that share one key-value head. Rows go token by token, then head by head.
class Block {
  public:
    Block(const Call& call, const Kernels& set, const std::vector<Reads>& reads, int64_t token0, int64_t token1,
          int64_t kv_head, Scratch& scratch)
        : call_(call), set_(set), tile_(set.f32), reads_(reads), token0_(token0), kv_head_(kv_head),
          rows_((token1 - token0) * call.group), strips_(div_up(rows_, tile_.mr)), width_(round_up(call.d_v, tile_.nr)),
          scratch_(scratch), starts_(rows_ + 1) {
        for (int64_t r = 0; r < rows_; ++r) starts_[r + 1] = starts_[r] + reads_of(r).count;
    }

    void attend() {
        pack_queries();
        scratch_.scores.resize(starts_[rows_]);
        const std::vector<Run> cells = all_cells();
        for (const Run& run : cells)
            for (int64_t c = run.begin; c < run.end; c += kCells) score(c, std::min<int64_t>(run.end, c + kCells));
        take_softmax();
        std::memset(scratch_.out.resize(strips_ * tile_.mr * width_), 0, strips_ * tile_.mr * width_ * sizeof(float));
        for (const Run& run : cells)
            for (int64_t c = run.begin; c < run.end; c += kCells) add_values(c, std::min<int64_t>(run.end, c + kCells));
        write();
    }

  private:
    int64_t token_of(int64_t row) const { return token0_ + row / call_.group; }
    int64_t head_of(int64_t row) const { return kv_head_ * call_.group + row % call_.group; }
    const Reads& reads_of(int64_t row) const { return reads_[token_of(row)]; }

    /// The cells that any of the tokens reads, ascending.
    std::vector<Run> all_cells() const {
        std::vector<Run> runs;
        for (int64_t r = 0; r < rows_; r += call_.group)
            runs.insert(runs.end(), reads_of(r).runs.begin(), reads_of(r).runs.end());
        std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.begin < b.begin; });
        std::vector<Run> merged;
        for (const Run& run : runs) {
            if (!merged.empty() && run.begin <= merged.back().end)
                merged.back().end = std::max(merged.back().end, run.end);
            else
                merged.push_back(run);
        }
        return merged;
    }

    void pack_queries() {
        const int64_t d = call_.d_k, mr = tile_.mr;
        float* packed = scratch_.queries.resize(strips_ * mr * d);
        float* rows = scratch_.rows.resize(std::max(mr, kCells) * std::max(d, call_.d_v));
        for (int64_t s = 0; s < strips_; ++s) {
            const int64_t lines = std::min(mr, rows_ - s * mr);
            for (int64_t i = 0; i < lines; ++i)
                std::copy_n(call_.query(token_of(s * mr + i), head_of(s * mr + i)), d, rows + i * d);
            tile_.pack_along(rows, d, lines, mr, d, call_.scale, packed + s * mr * d);
        }
    }

    /// Rows of keys or values as float32.
    const float* dequantize(const ggml_tensor* t, int64_t begin, int64_t end) {
        const char* data = static_cast<const char*>(t->data) + kv_head_ * t->nb[2];
        const int64_t d = t->ne[0];
        const size_t bytes = ggml_row_size(t->type, d);
        for (int64_t c = begin; c < end; ++c) {
            for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(data + (c + kAhead) * t->nb[1] + at);
            float* out = scratch_.rows + (c - begin) * d;
            if (!set_.dequantize(t->type, data + c * t->nb[1], out, d))
                dequantize_row(t->type, data + c * t->nb[1], out, d);
        }
        return scratch_.rows;
    }

    bool strip_reads(int64_t strip, int64_t begin, int64_t end) const {
        bool any = false;
        for (int64_t r = strip * tile_.mr; r < std::min(rows_, (strip + 1) * tile_.mr) && !any; ++r)
            each_read(reads_of(r), begin, end, [&](int64_t, int64_t, int64_t) { any = true; });
        return any;
    }

    /// Scores of the cells [begin, end), kCells at most.
    void score(int64_t begin, int64_t end) {
        const int64_t d = call_.d_k, mr = tile_.mr, nr = tile_.nr, n = end - begin;
        float* keys = scratch_.packed.resize(kCells * (d + mr));
        float* scores = keys + kCells * d;
        const float* rows = dequantize(call_.k, begin, end);
        for (int64_t j = 0; j < n; j += nr)
            tile_.pack_along(rows + j * d, d, std::min(nr, n - j), nr, d, 1.0f, keys + j * d);
        for (int64_t s = 0; s < strips_; ++s) {
            if (!strip_reads(s, begin, end)) continue;
            for (int64_t j = 0; j < n; j += nr)
                tile_.tile(d, scratch_.queries + s * mr * d, keys + j * d, scores + j, kCells, false);
            for (int64_t r = s * mr; r < std::min(rows_, (s + 1) * mr); ++r)
                keep_scores(r, begin, end, scores + (r - s * mr) * kCells);
        }
    }

    void keep_scores(int64_t row, int64_t begin, int64_t end, const float* scores) {
        const ggml_fp16_t* mask = call_.mask_of(token_of(row));
        each_read(reads_of(row), begin, end, [&](int64_t from, int64_t to, int64_t index) {
            float* out = scratch_.scores + starts_[row] + index;
            std::copy(scores + from - begin, scores + to - begin, out);
            if (call_.softcap != 0.0f)
                for (int64_t i = 0; i < to - from; ++i) out[i] = call_.softcap * std::tanh(out[i]);
            if (reads_of(row).biased)
                for (int64_t i = 0; i < to - from; ++i) out[i] += ggml_fp16_to_fp32(mask[from + i]);
        });
    }

    void take_softmax() {
        scratch_.sums.assign(rows_, 0.0f);
        float max;
        for (int64_t r = 0; r < rows_; ++r)
            if (reads_of(r).count > 0)
                scratch_.sums[r] = set_.softmax_numerators(scratch_.scores + starts_[r], reads_of(r).count, &max);
    }

    /// Adds the cells' values by their weights. A cell that a row does not read has weight 0 there, which leaves its
    /// sum as it is.
    void add_values(int64_t begin, int64_t end) {
        const int64_t d = call_.d_v, mr = tile_.mr, nr = tile_.nr, n = end - begin;
        float* values = scratch_.packed.resize(kCells * (width_ + 2 * mr));
        float *weights = values + kCells * width_, *lines = weights + kCells * mr;
        const float* rows = dequantize(call_.v, begin, end);
        for (int64_t j = 0; j < d; j += nr)
            tile_.pack_across(rows + j, d, std::min(nr, d - j), nr, n, 1.0f, values + j * n);
        for (int64_t s = 0; s < strips_; ++s) {
            if (!strip_reads(s, begin, end)) continue;
            std::memset(lines, 0, kCells * mr * sizeof(float));
            for (int64_t r = s * mr; r < std::min(rows_, (s + 1) * mr); ++r)
                each_read(reads_of(r), begin, end, [&](int64_t from, int64_t to, int64_t index) {
                    const float* scores = scratch_.scores + starts_[r] + index;
                    std::copy(scores, scores + (to - from), lines + (r - s * mr) * kCells + from - begin);
                });
            tile_.pack_along(lines, kCells, mr, mr, n, 1.0f, weights);
            for (int64_t j = 0; j < d; j += nr)
                tile_.continue_tile(n, weights, values + j * n, scratch_.out + s * mr * width_ + j, width_);
        }
    }

    /// A token without cells gets zeros.
    void write() {
        for (int64_t r = 0; r < rows_; ++r) {
            float* out = call_.result(token_of(r), head_of(r));
            const float* sums = scratch_.out + r * width_;
            const float inverse = scratch_.sums[r] > 0 ? 1.0f / scratch_.sums[r] : 0.0f;
            for (int64_t i = 0; i < call_.d_v; ++i) out[i] = sums[i] * inverse;
        }
    }

    const Call& call_;
    const Kernels& set_;
    const TileKernel& tile_;
    const std::vector<Reads>& reads_;
    int64_t token0_, kv_head_, rows_, strips_, width_;
    Scratch& scratch_;
    std::vector<int64_t> starts_; // of each row's scores
};

bool is_cache(const ggml_tensor* t) {
    return t->nb[0] == ggml_type_size(t->type) && t->ne[3] == 1 && can_dequantize(t->type) &&
           t->ne[0] % ggml_blck_size(t->type) == 0;
}

} // namespace

bool is_f16_cast(const ggml_tensor* t) {
    return t->op == GGML_OP_CPY && t->type == GGML_TYPE_F16 && t->src[0]->type == GGML_TYPE_F32;
}

bool cell_attention_computes(const ggml_tensor* op) {
    if (op->op != GGML_OP_FLASH_ATTN_EXT) return false;
    const ggml_tensor *q = op->src[0], *k = cache_of(op->src[1]), *v = cache_of(op->src[2]), *mask = op->src[3];
    float max_bias;
    std::memcpy(&max_bias, op->op_params + 1, sizeof(max_bias));
    if (mask == nullptr || op->src[4] != nullptr || max_bias > 0) return false;
    return q->type == GGML_TYPE_F32 && q->nb[0] == sizeof(float) && q->ne[3] == 1 && is_cache(k) && is_cache(v) &&
           k->ne[2] == v->ne[2] && q->ne[2] % k->ne[2] == 0 && mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 &&
           mask->ne[3] == 1 && mask->nb[0] == sizeof(ggml_fp16_t) && mask->ne[1] >= q->ne[1] &&
           mask->ne[0] >= k->ne[1] && k->ne[1] == v->ne[1] && op->type == GGML_TYPE_F32;
}

void CellAttention::compute(const ggml_tensor* op) {
    const Call call(op);
    reads_.resize(std::max<size_t>(reads_.size(), call.tokens));
    pool_.slices(call.tokens, std::max<int64_t>(1, kMasks / call.cells), [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) find_cells(call.mask_of(t), call.cells, reads_[t]);
    });
    int64_t tokens = std::max<int64_t>(1, kStrips * set_.f32.mr / call.group);
    while (tokens > 1 && div_up(call.tokens, tokens) * call.kv_heads < 2 * pool_.size()) tokens = div_up(tokens, 2);
    const int64_t tasks = div_up(call.tokens, tokens) * call.kv_heads;
    const auto task = [&](int64_t index, int thread) {
        const int64_t begin = index / call.kv_heads * tokens, end = std::min(call.tokens, begin + tokens);
        Block(call, set_, reads_, begin, end, index % call.kv_heads, scratch_[thread]).attend();
    };
    int64_t cells = 0;
    for (int64_t t = 0; t < call.tokens; ++t) cells += reads_[t].count;
    if (cells * call.heads * (call.d_k + call.d_v) >= kAlone) return pool_.run(tasks, task);
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
}

} // namespace medilora
