#pragma once

#include <cstdint>

#include "gemm/kernels.h"
#include "ggml.h"
#include "util/buffer.h"
#include "util/thread_pool.h"

namespace medilora {

/// A weight matrix W [rows, cols], row-major, of any type that ggml can dequantise.
struct WeightView {
    ggml_type type;
    const void* data;
    int64_t rows, cols;
    /// Bytes from row to row; 0: the rows lie close together.
    size_t row_stride = 0;

    size_t stride() const { return row_stride != 0 ? row_stride : ggml_row_size(type, cols); }
};

/// A float32 matrix whose element (i, j) is data[i * row + j * col].
struct MatrixView {
    const float* data;
    int64_t row, col;
};

/// Matrix products with packed operands. A panel of the weights is dequantised once, packed for the vector unit, and
/// multiplied with all tokens. Sums are float32. The factors of forward and backward are rounded to bfloat16 where the
/// processor multiplies it and the weight is wide (kNarrow) and not float32 itself; all other products are float32.
/// With MEDILORA_GEMM=off, forward and backward are ggml's own operations, for comparison.
/// The result does not depend on the number of threads. Not safe for concurrent calls on one object.
class Gemm {
  public:
    /// Weights with a side below this are multiplied in float32: that takes little time, and narrow models, whose
    /// roundings average out least, get exact gradients.
    static constexpr int64_t kNarrow = 512;

    explicit Gemm(ThreadPool& pool, const Kernels& set = kernels(), int64_t narrow = kNarrow)
        : pool_(pool), set_(set), narrow_(narrow) {}

    /// y[n, rows] = x[n, cols] W^T; `exact` asks for float32 whatever the weight's type.
    void forward(const WeightView& w, const float* x, int64_t n, float* y, bool exact = false);
    /// dx[n, cols] (+)= dy[n, rows] W
    void backward(const WeightView& w, const float* dy, int64_t n, float* dx, bool accumulate = false);
    /// C[m, n] (+)= alpha A[m, k] B[k, n]; C is row-major, ldc floats from row to row. Always float32.
    void multiply(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float* c, int64_t ldc, float alpha,
                  bool accumulate);

    // The same with all strides free, for ggml's operations.

    /// y[n, rows] = x W^T where x is any view [n, cols]; ldy floats from row to row of y.
    void forward(const WeightView& w, MatrixView x, int64_t n, float* y, int64_t ldy, bool exact);
    /// dx[n, cols] = dy W where dy is any view [n, rows].
    void backward(const WeightView& w, MatrixView dy, int64_t n, float* dx, int64_t ldx, bool exact);

    const Kernels& set() const { return set_; }
    /// The format in which forward and backward multiply this weight.
    const TileKernel& format(const WeightView& w, bool exact = false) const;

  private:
    class PanelSource;
    struct Product {
        const TileKernel& tile;
        int64_t m, n, k;
        MatrixView a;
        float alpha;
        const PanelSource& b;
        float* c;
        int64_t ldc;
        bool accumulate;
    };
    struct Plan;

    void run(const Product& product);
    void through_ggml(const WeightView& w, bool backward, const float* x, int64_t n, float* out, bool accumulate);
    void pack_a(const Product& product, int64_t m0, int64_t m1, char* packed);
    void panel(const Product& product, const Plan& plan, int64_t task, int thread);

    ThreadPool& pool_;
    const Kernels& set_;
    int64_t narrow_;
    Buffer packed_a_, scratch_, ggml_out_;
};

} // namespace medilora
