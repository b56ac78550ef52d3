#include "gemm/ggml_op.h"

#include "gemm/ggml_backend.h"
#include "util/error.h"
#include "util/graph_threads.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

ggml_backend_t open_product_backend(bool ours, int threads) {
    init_llama_runtime();
    const GemmScope scope(ours);
    ggml_backend_dev_t device =
        ours ? ggml_backend_dev_by_name("medilora-gemm") : ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (device == nullptr)
        throw Error("ARGUMENT_INVALID", "The GEMM backend is not registered. Unset MEDILORA_GEMM, or set it to an "
                                        "instruction set that this processor has.");
    ggml_backend_t backend = open_backend(device, threads);
    if (backend == nullptr) throw Error("OUT_OF_MEMORY", "No ggml backend could be made.");
    return backend;
}

} // namespace

GgmlProduct::GgmlProduct(const WeightView& weight, bool backward, const float* x, int64_t tokens, float* out,
                         int threads, bool ours)
    : backend_(open_product_backend(ours, threads)),
      context_(ggml_init({8 * ggml_tensor_overhead() + ggml_graph_overhead_custom(8, false), nullptr, true})) {
    ggml_context* c = context_.get();
    ggml_tensor* w = ggml_new_tensor_2d(c, weight.type, weight.cols, weight.rows);
    ggml_tensor* in = ggml_new_tensor_2d(c, GGML_TYPE_F32, backward ? weight.rows : weight.cols, tokens);
    // OUT_PROD sums over the second dimension of both: dy has to stand on its side.
    ggml_tensor* product = backward ? ggml_out_prod(c, w, ggml_transpose(c, in)) : ggml_mul_mat(c, w, in);
    if (ours ? !gemm_computes(product) : !ggml_backend_supports_op(backend_.get(), product))
        throw Error("ARGUMENT_INVALID", std::string("This backend has no ") + ggml_op_name(product->op) +
                                            " for weights of type " + ggml_type_name(weight.type) + " and " +
                                            std::to_string(tokens) + " tokens. Choose another type, or more tokens.");
    place(w, weight.data, weight_buffer_);
    place(in, x, x_buffer_);
    place(product, out, out_buffer_);
    if (backward && ggml_backend_view_init(product->src[1]) != GGML_STATUS_SUCCESS)
        throw Error("INTERNAL", "ggml could not make a view.");
    graph_ = ggml_new_graph_custom(c, 8, false);
    ggml_build_forward_expand(graph_, product);
}

void GgmlProduct::place(ggml_tensor* tensor, const void* data, HostBuffer& buffer) {
    buffer.reset(ggml_backend_cpu_buffer_from_ptr(const_cast<void*>(data), ggml_nbytes(tensor)));
    if (!buffer || ggml_backend_tensor_alloc(buffer.get(), tensor, const_cast<void*>(data)) != GGML_STATUS_SUCCESS)
        throw Error("OUT_OF_MEMORY", "ggml could not place a tensor.");
}

void GgmlProduct::compute() {
    if (ggml_backend_graph_compute(backend_.get(), graph_) != GGML_STATUS_SUCCESS)
        throw Error("INTERNAL", "ggml could not compute a product.");
}

} // namespace medilora
