#include "gemm/gemm.h"

#include <algorithm>

#include "gemm/choose.h"
#include "gemm/ggml_op.h"
#include "gemm/panel.h"

namespace medilora {

namespace {

// A panel of B: columns, and bytes of a column in a block of k. Both in elements are multiples of every quantisation's
// block (256); the panel stays in the second-level cache, and a strip of it in the first.
constexpr int64_t kPanel = 256;
constexpr int64_t kBlockBytes = 1024;

/// Rows of A that are packed at once: bounds the memory, while the weights are dequantised once for each slab.
constexpr int64_t kSlab = 1536;

/// Products with fewer multiplications than this end before another thread would have woken.
constexpr int64_t kAlone = 1 << 21;

int64_t block_of(const TileKernel& tile) {
    return kBlockBytes / tile.element_size;
}

/// One tile of C, through a buffer where the tile hangs over C's edge.
void tile_at(const TileKernel& tile, int64_t k, const char* a, const char* b, float* c, int64_t ldc, int64_t rows,
             int64_t cols, bool accumulate) {
    if (rows >= tile.mr && cols >= tile.nr) return tile.tile(k, a, b, c, ldc, accumulate);
    float edge[16 * 32];
    tile.tile(k, a, b, edge, tile.nr, false);
    for (int64_t i = 0; i < std::min<int64_t>(rows, tile.mr); ++i)
        for (int64_t j = 0; j < std::min<int64_t>(cols, tile.nr); ++j)
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + edge[i * tile.nr + j] : edge[i * tile.nr + j];
}

/// ggml ends the process on arrays that lie askew.
bool ggml_serves(const WeightView& w, const float* in, const float* out) {
    const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 32 == 0; };
    return gemm_is_off() && aligned(w.data) && aligned(in) && aligned(out);
}

} // namespace

/// How a slab of rows is divided into tasks: panels of columns, times groups of rows where panels are few.
struct Gemm::Plan {
    int64_t m0, m1, strips, group, groups, tasks;

    Plan(const Product& product, int64_t m0, int64_t m1, int threads)
        : m0(m0), m1(m1), strips(div_up(m1 - m0, product.tile.mr)) {
        const int64_t panels = div_up(product.n, kPanel);
        const int64_t wanted = panels >= 2 * threads || threads == 1 ? 1 : div_up(2 * threads, panels);
        group = div_up(strips, std::min(strips, wanted));
        groups = div_up(strips, group);
        tasks = panels * groups;
    }
};

void Gemm::pack_a(const Product& product, int64_t m0, int64_t m1, char* packed) {
    const TileKernel& tile = product.tile;
    const int64_t strips = div_up(m1 - m0, tile.mr);
    const int64_t strip_bytes = round_up(product.k, tile.k_step) * tile.mr * tile.element_size;
    const auto strip = [&](int64_t s, int) {
        const int64_t row = m0 + s * tile.mr;
        pack_strip(tile, {product.a.data + row * product.a.row, product.a.row, product.a.col},
                   std::min<int64_t>(tile.mr, m1 - row), tile.mr, product.k, product.alpha, packed + s * strip_bytes);
    };
    if ((m1 - m0) * product.k >= kAlone / 16) return pool_.run(strips, strip);
    for (int64_t s = 0; s < strips; ++s) strip(s, 0);
}

void Gemm::panel(const Product& product, const Plan& plan, int64_t task, int thread) {
    const TileKernel& tile = product.tile;
    const int64_t block = block_of(tile), size = tile.element_size;
    float* scratch = scratch_.data() + thread * (PanelSource::kScratch + kPanel * kBlockBytes / 4);
    char* panel = reinterpret_cast<char*>(scratch + PanelSource::kScratch);
    const char* packed_a = reinterpret_cast<const char*>(packed_a_.data());
    const int64_t strip_bytes = round_up(product.k, tile.k_step) * tile.mr * size;
    const int64_t n0 = task / plan.groups * kPanel, nn = std::min(kPanel, product.n - n0);
    const int64_t s0 = task % plan.groups * plan.group, s1 = std::min(plan.strips, s0 + plan.group);
    for (int64_t k0 = 0; k0 < product.k; k0 += block) {
        const int64_t kn = std::min(block, product.k - k0), padded = round_up(kn, tile.k_step);
        product.b.pack(tile, k0, kn, n0, nn, panel, scratch);
        for (int64_t j = 0; j < nn; j += tile.nr)
            for (int64_t s = s0; s < s1; ++s) {
                const int64_t row = plan.m0 + s * tile.mr;
                tile_at(tile, padded, packed_a + s * strip_bytes + k0 * tile.mr * size, panel + j * padded * size,
                        product.c + row * product.ldc + n0 + j, product.ldc, plan.m1 - row, nn - j,
                        product.accumulate || k0 > 0);
            }
    }
}

void Gemm::run(const Product& product) {
    const TileKernel& tile = product.tile;
    if (product.m <= 0 || product.n <= 0) return;
    const int64_t slabs = div_up(product.m, kSlab), slab = round_up(div_up(product.m, slabs), tile.mr);
    const int64_t packed_bytes = slab * round_up(product.k, tile.k_step) * tile.element_size;
    char* packed = reinterpret_cast<char*>(packed_a_.resize(div_up(packed_bytes, sizeof(float))));
    scratch_.resize(pool_.size() * (PanelSource::kScratch + kPanel * kBlockBytes / 4));
    for (int64_t m0 = 0; m0 < product.m; m0 += slab) {
        const int64_t m1 = std::min(product.m, m0 + slab);
        pack_a(product, m0, m1, packed);
        const bool alone = (m1 - m0) * product.n * product.k < kAlone;
        const Plan plan(product, m0, m1, alone ? 1 : pool_.size());
        const auto task = [&](int64_t index, int thread) { panel(product, plan, index, thread); };
        if (!alone)
            pool_.run(plan.tasks, task);
        else
            for (int64_t i = 0; i < plan.tasks; ++i) task(i, 0);
    }
}

const TileKernel& Gemm::format(const WeightView& w, bool exact) const {
    const bool narrow = std::min(w.rows, w.cols) < narrow_;
    return exact || narrow || w.type == GGML_TYPE_F32 || set_.bf16.tile == nullptr ? set_.f32 : set_.bf16;
}

void Gemm::through_ggml(const WeightView& w, bool backward, const float* x, int64_t n, float* out, bool accumulate) {
    const int64_t count = n * (backward ? w.cols : w.rows);
    float* product = accumulate ? ggml_out_.resize(count) : out;
    GgmlProduct(w, backward, x, n, product, pool_.size(), false).compute();
    for (int64_t i = 0; accumulate && i < count; ++i) out[i] += product[i];
}

void Gemm::forward(const WeightView& w, MatrixView x, int64_t n, float* y, int64_t ldy, bool exact) {
    run({format(w, exact), n, w.rows, w.cols, x, 1.0f, PanelSource(set_, w, true), y, ldy, false});
}

void Gemm::backward(const WeightView& w, MatrixView dy, int64_t n, float* dx, int64_t ldx, bool exact) {
    run({format(w, exact), n, w.cols, w.rows, dy, 1.0f, PanelSource(set_, w, false), dx, ldx, false});
}

void Gemm::forward(const WeightView& w, const float* x, int64_t n, float* y, bool exact) {
    if (ggml_serves(w, x, y)) return through_ggml(w, false, x, n, y, false);
    forward(w, {x, w.cols, 1}, n, y, w.rows, exact);
}

void Gemm::backward(const WeightView& w, const float* dy, int64_t n, float* dx, bool accumulate) {
    if (ggml_serves(w, dy, dx)) return through_ggml(w, true, dy, n, dx, accumulate);
    run({format(w), n, w.cols, w.rows, {dy, w.rows, 1}, 1.0f, PanelSource(set_, w, false), dx, w.cols, accumulate});
}

void Gemm::multiply(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float* c, int64_t ldc, float alpha,
                    bool accumulate) {
    run({set_.f32, m, n, k, a, alpha, PanelSource(b), c, ldc, accumulate});
}

} // namespace medilora
