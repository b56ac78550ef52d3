#pragma once

#include "gemm/gemm.h"

namespace medilora {

/// Where a product's second operand B [k, n] comes from: a float32 matrix, or a weight that is dequantised on the way.
class Gemm::PanelSource {
  public:
    /// Floats that pack() needs for scratch.
    static constexpr int64_t kScratch = 32 * 256;

    explicit PanelSource(MatrixView matrix) : matrix_(matrix) {}
    /// B = W^T when `transposed` (k along W's columns), else W (k along its rows).
    PanelSource(const Kernels& set, const WeightView& weight, bool transposed)
        : set_(&set), weight_(weight), transposed_(transposed) {}

    /// Packs B[k0..k0+kn, n0..n0+nn] as strips of tile.nr columns, each kn (padded to k_step) x nr.
    /// For a weight, k0 and n0 are multiples of 256, so that whole blocks are dequantised.
    void pack(const TileKernel& tile, int64_t k0, int64_t kn, int64_t n0, int64_t nn, char* out, float* scratch) const;

  private:
    void pack_columns(const TileKernel& tile, int64_t k0, int64_t kn, int64_t n0, int64_t nn, char* out,
                      float* scratch) const;
    void pack_rows(const TileKernel& tile, int64_t k0, int64_t kn, int64_t n0, int64_t nn, char* out,
                   float* scratch) const;
    /// Dequantises W[row0..row0+rows, col0..col0+cols] to rows of `cols` floats.
    void dequantize(int64_t row0, int64_t rows, int64_t col0, int64_t cols, float* out) const;

    const Kernels* set_ = nullptr;
    MatrixView matrix_{};
    WeightView weight_{};
    bool transposed_ = false;
};

/// Packs the strip x[lines, k] * alpha, whichever of its strides is 1 (or neither, through `scratch`).
void pack_strip(const TileKernel& tile, MatrixView x, int64_t lines, int64_t width, int64_t k, float alpha, char* out);

inline int64_t div_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
inline int64_t round_up(int64_t a, int64_t b) {
    return div_up(a, b) * b;
}

} // namespace medilora
