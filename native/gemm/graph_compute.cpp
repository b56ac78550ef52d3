#include "gemm/graph_compute.h"

#include "gemm/ggml_backend.h"
#include "ggml-impl.h"
#include "gguf/gguf_file.h"

namespace medilora {

namespace {

/// Numbers that the other operations between two of ours write, below which one thread computes them.
constexpr int64_t kAlone = 1 << 16;

bool is_view(ggml_op op) {
    return op == GGML_OP_NONE || op == GGML_OP_RESHAPE || op == GGML_OP_VIEW || op == GGML_OP_PERMUTE ||
           op == GGML_OP_TRANSPOSE;
}

/// A matrix whose rows each lie in one piece.
bool is_weight(const ggml_tensor* t) {
    return t->ne[2] == 1 && t->ne[3] == 1 && t->nb[0] == ggml_type_size(t->type) &&
           t->nb[1] >= ggml_row_size(t->type, t->ne[0]) && can_dequantize(t->type);
}

bool is_aligned_f32(const ggml_tensor* t) {
    return t->type == GGML_TYPE_F32 && t->nb[0] % sizeof(float) == 0 && t->nb[1] % sizeof(float) == 0;
}

WeightView weight_of(const ggml_tensor* t) {
    return {t->type, t->data, t->ne[1], t->ne[0], t->nb[1]};
}

/// bfloat16 is for weights; what the graph computed itself keeps its precision.
bool wants_f32(const ggml_tensor* op) {
    return op->src[0]->op != GGML_OP_NONE || (op->op == GGML_OP_MUL_MAT && op->op_params[0] == GGML_PREC_F32);
}

/// dst [ne01, tokens] = src0^T src1, the tokens of all of src1's matrices in one product.
void mul_mat(Gemm& gemm, const ggml_tensor* op) {
    const ggml_tensor *w = op->src[0], *x = op->src[1];
    gemm.forward(weight_of(w), {static_cast<const float*>(x->data), x->ne[0], 1}, ggml_nrows(x),
                 static_cast<float*>(op->data), op->ne[0], wants_f32(op));
}

/// dst [ne00, ne10] = sum over rows i of src0[:, i] src1[:, i]^T: with src1 = dy^T that is dx = dy W.
void out_prod(Gemm& gemm, const ggml_tensor* op) {
    const ggml_tensor *w = op->src[0], *x = op->src[1];
    const MatrixView dy{static_cast<const float*>(x->data), static_cast<int64_t>(x->nb[0] / sizeof(float)),
                        static_cast<int64_t>(x->nb[1] / sizeof(float))};
    gemm.backward(weight_of(w), dy, x->ne[0], static_cast<float*>(op->data), op->ne[0], wants_f32(op));
}

ggml_backend_dev_t cpu_device() {
    return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

ggml_backend_t open_cpu(int threads) {
    ggml_backend_t backend = open_backend(cpu_device(), threads);
    if (backend == nullptr) throw std::bad_alloc();
    return backend;
}

bool is_idle(const ggml_tensor* node) {
    return is_view(node->op) || (node->flags & GGML_TENSOR_FLAG_COMPUTE) == 0;
}

bool is_ours(const ggml_tensor* op) {
    return gemm_computes(op) || cell_attention_computes(op);
}

} // namespace

bool gemm_computes(const ggml_tensor* op) {
    if (op->op != GGML_OP_MUL_MAT && op->op != GGML_OP_OUT_PROD) return false;
    const ggml_tensor *w = op->src[0], *x = op->src[1];
    if (!is_weight(w) || !is_aligned_f32(x) || op->type != GGML_TYPE_F32 || !ggml_is_contiguous(op)) return false;
    if (ggml_is_empty(op)) return false;
    if (op->op == GGML_OP_OUT_PROD) return x->ne[2] == 1 && x->ne[3] == 1;
    // A Hadamard transform has a faster way of its own.
    return ggml_is_contiguous(x) && op->op_params[1] != GGML_HINT_SRC0_IS_HADAMARD;
}

bool GraphCompute::supports(const ggml_tensor* op) {
    return is_view(op->op) || is_ours(op) || ggml_backend_dev_supports_op(cpu_device(), op);
}

/// Threads start with the first graph, and anew only when a graph comes with another number of them.
void GraphCompute::prepare() {
    if (pool_ && pool_->size() == threads_) return;
    cpu_.reset();
    attention_.reset();
    gemm_.reset();
    pool_ = std::make_unique<ThreadPool>(threads_);
    gemm_ = std::make_unique<Gemm>(*pool_, kernels());
    attention_ = std::make_unique<CellAttention>(*pool_, kernels());
    // They sleep between two graphs: spinning, they would take a core from our products.
    cpu_threads_ = std::make_unique<GraphThreads>(threads_, GraphThreads::Idle::sleep);
    cpu_.reset(open_cpu(threads_));
    cpu_threads_->attach(cpu_.get());
    if (!cpu_alone_) cpu_alone_.reset(open_cpu(1));
}

bool GraphCompute::compute_ours(const ggml_tensor* node) {
    if (cell_attention_computes(node))
        attention_->compute(node);
    else if (!gemm_computes(node))
        return false;
    else if (node->op == GGML_OP_MUL_MAT)
        mul_mat(*gemm_, node);
    else
        out_prod(*gemm_, node);
    return true;
}

ggml_status GraphCompute::compute_others(const ggml_cgraph* graph, int begin, int end) {
    ggml_cgraph part = *graph;
    part.nodes = graph->nodes + begin;
    part.n_nodes = end - begin;
    part.n_leafs = 0;
    part.uid = 0;
    int64_t numbers = 0;
    for (int i = begin; i < end; ++i)
        if (!is_idle(graph->nodes[i])) numbers += ggml_nelements(graph->nodes[i]);
    return ggml_backend_graph_compute(numbers < kAlone ? cpu_alone_.get() : cpu_.get(), &part);
}

/// The f16 copies of a float32 cache that only our attention would read.
void GraphCompute::find_unread(const ggml_cgraph* graph) {
    unread_.clear();
    for (int i = 0; i < graph->n_nodes; ++i) {
        const ggml_tensor* node = graph->nodes[i];
        if (!cell_attention_computes(node)) continue;
        for (const ggml_tensor* cache : {node->src[1], node->src[2]})
            if (is_f16_cast(cache)) unread_.insert(cache);
    }
}

ggml_status GraphCompute::compute(const ggml_cgraph* graph) {
    prepare();
    find_unread(graph);
    const auto is_skipped = [&](int i) { return is_idle(graph->nodes[i]) || unread_.count(graph->nodes[i]) != 0; };
    for (int i = 0; i < graph->n_nodes;) {
        if (abort_ != nullptr && abort_(abort_data_)) return GGML_STATUS_ABORTED;
        if (is_skipped(i) || compute_ours(graph->nodes[i])) {
            ++i;
            continue;
        }
        int end = i + 1;
        while (end < graph->n_nodes && unread_.count(graph->nodes[end]) == 0 && !is_ours(graph->nodes[end])) ++end;
        const ggml_status status = compute_others(graph, i, end);
        if (status != GGML_STATUS_SUCCESS) return status;
        i = end;
    }
    return GGML_STATUS_SUCCESS;
}

} // namespace medilora
