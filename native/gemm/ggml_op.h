#pragma once

#include <memory>

#include "gemm/gemm.h"
#include "ggml-backend.h"

namespace medilora {

/// Frees what ggml made.
struct GgmlFree {
    void operator()(ggml_context* context) const { ggml_free(context); }
    void operator()(ggml_backend_t backend) const { ggml_backend_free(backend); }
    void operator()(ggml_backend_buffer_t buffer) const { ggml_backend_buffer_free(buffer); }
};

/// One product as a graph of ggml, to compare the GEMM with ggml's own operation, and to test it as a backend.
class GgmlProduct {
  public:
    /// forward: out[tokens, rows] = x W^T by MUL_MAT; backward: out[tokens, cols] = x W by OUT_PROD.
    /// On ggml's CPU backend, or (`ours`) on the GEMM's. Throws ARGUMENT_INVALID when that one does not take the
    /// operation.
    GgmlProduct(const WeightView& weight, bool backward, const float* x, int64_t tokens, float* out, int threads,
                bool ours);
    /// Throws INTERNAL when ggml fails.
    void compute();

  private:
    using HostBuffer = std::unique_ptr<ggml_backend_buffer, GgmlFree>;

    void place(ggml_tensor* tensor, const void* data, HostBuffer& buffer);

    std::unique_ptr<ggml_backend, GgmlFree> backend_;
    std::unique_ptr<ggml_context, GgmlFree> context_;
    HostBuffer weight_buffer_, x_buffer_, out_buffer_;
    ggml_cgraph* graph_ = nullptr;
};

} // namespace medilora
