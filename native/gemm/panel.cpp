#include "gemm/panel.h"

#include <algorithm>

#include "gguf/gguf_file.h"

namespace medilora {

namespace {

/// Steps of k that a strip is dequantised and packed in: with the packed strip, within the first-level cache or near
/// it.
constexpr int64_t kAlong = 256, kAcross = 32;

/// For views with no stride of 1: through a copy whose k is contiguous.
void pack_scattered(const TileKernel& tile, MatrixView x, int64_t lines, int64_t width, int64_t k, float alpha,
                    char* out) {
    constexpr int64_t kChunk = 64;
    float copy[32 * kChunk];
    for (int64_t p = 0; p < k; p += kChunk) {
        const int64_t count = std::min(kChunk, k - p);
        for (int64_t i = 0; i < lines; ++i)
            for (int64_t q = 0; q < count; ++q) copy[i * kChunk + q] = x.data[i * x.row + (p + q) * x.col];
        tile.pack_along(copy, kChunk, lines, width, count, alpha, out + p * width * tile.element_size);
    }
}

} // namespace

void pack_strip(const TileKernel& tile, MatrixView x, int64_t lines, int64_t width, int64_t k, float alpha, char* out) {
    if (x.col == 1)
        tile.pack_along(x.data, x.row, lines, width, k, alpha, out);
    else if (x.row == 1)
        tile.pack_across(x.data, x.col, lines, width, k, alpha, out);
    else
        pack_scattered(tile, x, lines, width, k, alpha, out);
}

void Gemm::PanelSource::pack(const TileKernel& tile, int64_t k0, int64_t kn, int64_t n0, int64_t nn, char* out,
                             float* scratch) const {
    const bool weight = set_ != nullptr;
    if (weight ? !transposed_ : matrix_.col == 1)
        pack_rows(tile, k0, kn, n0, nn, out, scratch);
    else
        pack_columns(tile, k0, kn, n0, nn, out, scratch);
}

void Gemm::PanelSource::pack_columns(const TileKernel& tile, int64_t k0, int64_t kn, int64_t n0, int64_t nn, char* out,
                                     float* scratch) const {
    const int64_t padded = round_up(kn, tile.k_step);
    for (int64_t j = 0; j < nn; j += tile.nr, out += padded * tile.nr * tile.element_size) {
        const int64_t lines = std::min<int64_t>(tile.nr, nn - j);
        if (set_ == nullptr) {
            const float* data = matrix_.data + k0 * matrix_.row + (n0 + j) * matrix_.col;
            pack_strip(tile, {data, matrix_.col, matrix_.row}, lines, tile.nr, kn, 1.0f, out);
            continue;
        }
        for (int64_t p = 0; p < kn; p += kAlong) {
            const int64_t count = std::min(kAlong, kn - p);
            dequantize(n0 + j, lines, k0 + p, count, scratch);
            tile.pack_along(scratch, count, lines, tile.nr, count, 1.0f, out + p * tile.nr * tile.element_size);
        }
    }
}

void Gemm::PanelSource::pack_rows(const TileKernel& tile, int64_t k0, int64_t kn, int64_t n0, int64_t nn, char* out,
                                  float* scratch) const {
    const int64_t padded = round_up(kn, tile.k_step);
    for (int64_t p = 0; p < kn; p += kAcross) {
        const int64_t count = std::min(kAcross, kn - p);
        const float* rows = scratch;
        int64_t stride = nn;
        if (set_ == nullptr) {
            rows = matrix_.data + (k0 + p) * matrix_.row + n0;
            stride = matrix_.row;
        } else {
            dequantize(k0 + p, count, n0, nn, scratch);
        }
        for (int64_t j = 0; j < nn; j += tile.nr)
            tile.pack_across(rows + j, stride, std::min<int64_t>(tile.nr, nn - j), tile.nr, count, 1.0f,
                             out + (j * padded + p * tile.nr) * tile.element_size);
    }
}

void Gemm::PanelSource::dequantize(int64_t row0, int64_t rows, int64_t col0, int64_t cols, float* out) const {
    const size_t stride = weight_.stride();
    const char* data = static_cast<const char*>(weight_.data) + row0 * stride +
                       col0 / ggml_blck_size(weight_.type) * ggml_type_size(weight_.type);
    for (int64_t i = 0; i < rows; ++i, data += stride, out += cols)
        if (!set_->dequantize(weight_.type, data, out, cols)) dequantize_row(weight_.type, data, out, cols);
}

} // namespace medilora
