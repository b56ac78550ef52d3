#include "gemm/attention_check.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "gemm/cell_attention.h"
#include "gemm/check.h"
#include "gemm/ggml_op.h"
#include "gguf/gguf_file.h"
#include "util/error.h"

namespace medilora {

namespace {

/// Rows of the cache: one of keys or values for each cell and key-value head.
struct Cache {
    Buffer blocks;
    ggml_type type;
    int64_t d;

    const char* row(int64_t index) const {
        return reinterpret_cast<const char*>(blocks.data()) + index * ggml_row_size(type, d);
    }
};

struct Data {
    Buffer queries; ///< [tokens, heads, d_k]
    Cache keys, values;
    std::vector<ggml_fp16_t> mask; ///< [tokens, cells]
    int64_t cells;
};

Cache random_cache(const AttentionCase& c, int64_t d, uint64_t seed) {
    GemmCase rows;
    rows.type = c.type;
    rows.rows = c.cells * c.kv_heads;
    rows.cols = d;
    rows.seed = seed;
    return {random_weights(rows), c.type, d};
}

/// Some runs of cells for each token; what lies between them is not read. A token may read nothing.
std::vector<ggml_fp16_t> random_mask(const AttentionCase& c) {
    std::mt19937_64 generator(c.seed + 4);
    std::vector<ggml_fp16_t> mask(c.tokens * c.cells, kMinusInfinity);
    for (int64_t t = 0; t < c.tokens; ++t)
        for (int runs = static_cast<int>(generator() % 4); runs > 0; --runs) {
            const int64_t begin = static_cast<int64_t>(generator() % c.cells);
            const int64_t end = begin + static_cast<int64_t>(generator() % (c.cells - begin)) + 1;
            for (int64_t cell = begin; cell < end; ++cell)
                mask[t * c.cells + cell] =
                    ggml_fp32_to_fp16(c.biased && generator() % 3 == 0 ? -0.25f * (generator() % 8) : 0.0f);
        }
    return mask;
}

Data make(const AttentionCase& c) {
    return {random_floats(c.tokens * c.heads * c.d_k, c.seed), random_cache(c, c.d_k, c.seed + 1),
            random_cache(c, c.d_v, c.seed + 2), random_mask(c), c.cells};
}

/// The same cells behind `by` others that nobody reads, and with as many behind.
Data moved(const AttentionCase& c, const Data& x, int64_t by) {
    Data out{random_floats(c.tokens * c.heads * c.d_k, c.seed), {}, {}, {}, x.cells + 2 * by};
    const auto shifted = [&](const Cache& cache) {
        const size_t row = ggml_row_size(cache.type, cache.d), cells = row * c.kv_heads;
        Cache wide{Buffer(static_cast<int64_t>(cells * out.cells / 4 + 1)), cache.type, cache.d};
        std::memset(wide.blocks.data(), 0, cells * out.cells);
        std::memcpy(const_cast<char*>(wide.row(by * c.kv_heads)), cache.row(0), cells * x.cells);
        return wide;
    };
    out.keys = shifted(x.keys);
    out.values = shifted(x.values);
    out.mask.assign(c.tokens * out.cells, kMinusInfinity);
    for (int64_t t = 0; t < c.tokens; ++t)
        std::copy_n(x.mask.data() + t * x.cells, x.cells, out.mask.data() + t * out.cells + by);
    return out;
}

float scale_of(const AttentionCase& c) {
    return 1.0f / std::sqrt(static_cast<float>(c.d_k));
}

/// Tokens [token0, token1) as libllama would ask for them; out is [tokens, heads, d_v].
void compute(const AttentionCase& c, const Data& x, int64_t token0, int64_t token1, int threads, float* out) {
    const std::unique_ptr<ggml_context, GgmlFree> context(ggml_init({16 * ggml_tensor_overhead(), nullptr, true}));
    const auto tensor = [&](ggml_type type, std::vector<int64_t> ne, const void* data) {
        ggml_tensor* t = ggml_new_tensor(context.get(), type, static_cast<int>(ne.size()), ne.data());
        t->data = const_cast<void*>(data);
        return t;
    };
    const auto by_head = [&](ggml_tensor* t) { return ggml_permute(context.get(), t, 0, 2, 1, 3); };
    const int64_t n = token1 - token0;
    ggml_tensor* q = tensor(GGML_TYPE_F32, {c.d_k, c.heads, n}, x.queries.data() + token0 * c.heads * c.d_k);
    ggml_tensor* k = tensor(c.type, {c.d_k, c.kv_heads, x.cells}, x.keys.blocks.data());
    ggml_tensor* v = tensor(c.type, {c.d_v, c.kv_heads, x.cells}, x.values.blocks.data());
    ggml_tensor* mask = tensor(GGML_TYPE_F16, {x.cells, n}, x.mask.data() + token0 * x.cells);
    ggml_tensor* op =
        ggml_flash_attn_ext(context.get(), by_head(q), by_head(k), by_head(v), mask, scale_of(c), 0.0f, c.softcap);
    op->data = out + token0 * c.heads * c.d_v;
    if (!cell_attention_computes(op)) throw Error("ARGUMENT_INVALID", "No attention of ours computes this case.");
    ThreadPool pool(threads);
    CellAttention(pool, *c.set).compute(op);
}

/// One query in float64; zeros for one that reads nothing.
std::vector<double> reference(const AttentionCase& c, const Data& x, int64_t token, int64_t head) {
    const int64_t kv_head = head / (c.heads / c.kv_heads);
    const float* q = x.queries.data() + (token * c.heads + head) * c.d_k;
    std::vector<float> row(std::max(c.d_k, c.d_v));
    std::vector<double> out(c.d_v);
    double total = 0;
    for (int64_t cell = 0; cell < x.cells; ++cell) {
        const ggml_fp16_t mask = x.mask[token * x.cells + cell];
        if (mask == kMinusInfinity) continue;
        dequantize_row(c.type, x.keys.row(cell * c.kv_heads + kv_head), row.data(), c.d_k);
        double score = 0;
        for (int64_t i = 0; i < c.d_k; ++i) score += static_cast<double>(q[i]) * row[i];
        score *= scale_of(c);
        if (c.softcap != 0) score = c.softcap * std::tanh(score / c.softcap);
        const double weight = std::exp(score + ggml_fp16_to_fp32(mask));
        total += weight;
        dequantize_row(c.type, x.values.row(cell * c.kv_heads + kv_head), row.data(), c.d_v);
        for (int64_t i = 0; i < c.d_v; ++i) out[i] += weight * row[i];
    }
    for (double& one : out) one = total > 0 ? one / total : 0.0;
    return out;
}

double relative_error(const AttentionCase& c, const Data& x, const float* result) {
    double difference = 0, norm = 1e-30;
    for (int64_t t = 0; t < c.tokens; ++t)
        for (int64_t h = 0; h < c.heads; ++h)
            for (const double expected : reference(c, x, t, h)) {
                difference += std::pow(*result++ - expected, 2);
                norm += expected * expected;
            }
    return std::sqrt(difference / norm);
}

void validate(const AttentionCase& c) {
    if (c.heads % c.kv_heads != 0 || c.d_k % ggml_blck_size(c.type) != 0 || c.d_v % ggml_blck_size(c.type) != 0)
        throw Error(
            "ARGUMENT_INVALID",
            "Option `heads` must be a multiple of `kvHeads`, `keyLength` and `valueLength` of the type's block.");
}

} // namespace

AttentionReport check_attention(const AttentionCase& c) {
    validate(c);
    const Data x = make(c), elsewhere = moved(c, x, 1 + static_cast<int64_t>(c.seed % 150));
    const int64_t count = c.tokens * c.heads * c.d_v;
    Buffer together = random_floats(count, 1), alone = random_floats(count, 2), other = random_floats(count, 3);
    compute(c, x, 0, c.tokens, c.threads, together);
    for (int64_t t = 0; t < c.tokens; ++t) compute(c, x, t, t + 1, 1, alone);
    compute(c, elsewhere, 0, c.tokens, c.threads, other);
    const size_t bytes = count * sizeof(float);
    return {relative_error(c, x, together), std::memcmp(together.data(), alone.data(), bytes) == 0,
            std::memcmp(together.data(), other.data(), bytes) == 0};
}

} // namespace medilora
