#pragma once

#include "ggml.h"

namespace medilora {

/// Adds the GEMM as an ACCEL device to ggml's registry, once a process; does nothing where gemm_backend_wanted() is
/// false. Call it after init_llama_runtime(). The registry has no lock: the first call must not run while another
/// library in the process loads backends.
///
/// libllama offers every ACCEL device of the registry to every context, and so to those of another library in the same
/// process (node-llama-cpp). The registered device is therefore inert: it supports no operation, and a context that
/// holds it computes what it did before. Only a context made under a GemmScope gets the device that multiplies.
void register_gemm_backend();

/// Whether the backend multiplies by itself: MUL_MAT and OUT_PROD of one weight matrix of any type that ggml can
/// dequantise.
bool gemm_computes(const ggml_tensor* op);

/// While one is alive, contexts of libllama made on this thread compute with GraphCompute (`on`) or without it.
/// Weights must lie in plain host buffers (llama_model_params.use_extra_bufts = false) to be reached by it.
///     const GemmScope gemm(true);
///     llama_context* context = llama_init_from_model(model, params);
/// The context's number of threads and its abort callback hold for it too.
class GemmScope {
  public:
    explicit GemmScope(bool on);
    ~GemmScope();
    GemmScope(const GemmScope&) = delete;
    GemmScope& operator=(const GemmScope&) = delete;

  private:
    bool outer_;
};

} // namespace medilora
