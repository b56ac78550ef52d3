#include "gemm/ggml_backend.h"

#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include <dlfcn.h>

#include "gemm/choose.h"
#include "gemm/gemm.h"
#include "ggml-backend-impl.h"
#include "gguf/gguf_file.h"
#include "util/thread_pool.h"

namespace medilora {

namespace {

/// Below this many tokens ggml's vector dot products are faster than dequantising and packing.
constexpr int64_t kMinTokens = 32;

/// Multiplications below which a MUL_MAT stays with ggml: libllama starts and ends ggml's threads around each product
/// that is ours, which costs more than is won (measured with models 64 to 512 wide).
constexpr int64_t kMinWork = int64_t{1} << 27;

/// Set by GemmScope for the contexts made on this thread.
thread_local bool scope_on = false;

/// What one context multiplies with.
class Multiplier {
  public:
    void set_threads(int threads) { threads_ = threads < 1 ? 1 : threads; }

    /// Threads start with the first product, and anew only when a product comes with another number of them:
    /// libllama sets the number before each graph, also before those that hold none of ours.
    Gemm& gemm() {
        if (!pool_ || pool_->size() != threads_) {
            gemm_.reset();
            pool_ = std::make_unique<ThreadPool>(threads_);
            gemm_ = std::make_unique<Gemm>(*pool_, kernels(), 0);
        }
        return *gemm_;
    }

  private:
    int threads_ = GGML_DEFAULT_N_THREADS;
    std::unique_ptr<ThreadPool> pool_;
    std::unique_ptr<Gemm> gemm_;
};

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

/// bfloat16 is for weights; what the graph computed itself (a key-value cache, say) keeps its precision.
bool wants_f32(const ggml_tensor* op) {
    return op->src[0]->op != GGML_OP_NONE || (op->op == GGML_OP_MUL_MAT && op->op_params[0] == GGML_PREC_F32);
}

/// Whether the operation is worth leaving ggml's threads for.
bool is_large(const ggml_tensor* op) {
    if (op->op != GGML_OP_MUL_MAT) return true;
    const ggml_tensor *w = op->src[0], *x = op->src[1];
    return w->ne[0] * w->ne[1] * ggml_nrows(x) >= kMinWork;
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

// The backend: one a context.

const char* backend_name(ggml_backend_t) {
    return "medilora-gemm";
}

/// Takes back what device_init gave away.
void backend_free(ggml_backend_t backend) {
    const std::unique_ptr<ggml_backend> owner(backend);
    const std::unique_ptr<Multiplier> multiplier(static_cast<Multiplier*>(backend->context));
}

void backend_set_threads(ggml_backend_t backend, int threads) {
    static_cast<Multiplier*>(backend->context)->set_threads(threads);
}

ggml_status backend_compute(ggml_backend_t backend, ggml_cgraph* graph) {
    auto& multiplier = *static_cast<Multiplier*>(backend->context);
    // ggml is C: no exception may pass through it.
    try {
        for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
            const ggml_tensor* node = ggml_graph_node(graph, i);
            if ((node->flags & GGML_TENSOR_FLAG_COMPUTE) == 0) continue;
            if (node->op == GGML_OP_MUL_MAT)
                mul_mat(multiplier.gemm(), node);
            else if (node->op == GGML_OP_OUT_PROD)
                out_prod(multiplier.gemm(), node);
        }
        return GGML_STATUS_SUCCESS;
    } catch (const std::bad_alloc&) {
        return GGML_STATUS_ALLOC_FAILED;
    } catch (...) {
        return GGML_STATUS_FAILED;
    }
}

ggml_guid_t backend_guid() {
    static ggml_guid guid = {0x6d, 0x65, 0x64, 0x69, 0x6c, 0x6f, 0x72, 0x61,
                             0x2d, 0x67, 0x65, 0x6d, 0x6d, 0x2d, 0x76, 1};
    return &guid;
}

// The devices: the inert one that is registered, and the one that multiplies.

bool is_active(ggml_backend_dev_t device) {
    return device->context != nullptr;
}

const char* device_name(ggml_backend_dev_t) {
    return "medilora-gemm";
}
const char* device_description(ggml_backend_dev_t) {
    return kernels().name;
}
enum ggml_backend_dev_type device_type(ggml_backend_dev_t) {
    return GGML_BACKEND_DEVICE_TYPE_ACCEL;
}
ggml_backend_buffer_type_t device_buffer_type(ggml_backend_dev_t) {
    return ggml_backend_cpu_buffer_type();
}

void device_memory(ggml_backend_dev_t, size_t* free, size_t* total) {
    *free = *total = 0;
}

void device_props(ggml_backend_dev_t device, ggml_backend_dev_props* props) {
    *props = {};
    props->name = device_name(device);
    props->description = device_description(device);
    props->type = device_type(device);
    props->caps.buffer_from_host_ptr = true;
    props->caps.mmap_support = true;
}

ggml_backend_t device_init(ggml_backend_dev_t device, const char*);

ggml_backend_buffer_t device_from_host(ggml_backend_dev_t, void* data, size_t size, size_t) {
    return ggml_backend_cpu_buffer_from_ptr(data, size);
}

bool device_supports(ggml_backend_dev_t device, const ggml_tensor* op) {
    return is_active(device) && gemm_computes(op) && is_large(op);
}

/// Not the repacked buffers of ggml's CPU backend: those are not host buffers.
bool device_supports_buffer(ggml_backend_dev_t, ggml_backend_buffer_type_t type) {
    return ggml_backend_buft_is_host(type);
}

const ggml_backend_device_i& device_interface() {
    static const ggml_backend_device_i table = [] {
        ggml_backend_device_i t{};
        t.get_name = device_name;
        t.get_description = device_description;
        t.get_memory = device_memory;
        t.get_type = device_type;
        t.get_props = device_props;
        t.init_backend = device_init;
        t.get_buffer_type = device_buffer_type;
        t.buffer_from_host_ptr = device_from_host;
        t.supports_op = device_supports;
        t.supports_buft = device_supports_buffer;
        return t;
    }();
    return table;
}

ggml_backend_reg_t registration();

ggml_backend_dev_t device(bool active) {
    static int mark;
    static ggml_backend_device inert{device_interface(), registration(), nullptr};
    static ggml_backend_device multiplies{device_interface(), registration(), &mark};
    return active ? &multiplies : &inert;
}

ggml_backend_t device_init(ggml_backend_dev_t, const char*) {
    ggml_backend_i table{};
    table.get_name = backend_name;
    table.free = backend_free;
    table.graph_compute = backend_compute;
    try {
        auto backend = std::make_unique<ggml_backend>();
        auto multiplier = std::make_unique<Multiplier>();
        *backend = {backend_guid(), table, device(scope_on), multiplier.release()};
        return backend.release();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

// The registration.

void* proc_address(ggml_backend_reg_t, const char* name) {
    if (std::strcmp(name, "ggml_backend_set_n_threads") != 0) return nullptr;
    return reinterpret_cast<void*>(backend_set_threads);
}

ggml_backend_reg_t registration() {
    static ggml_backend_reg reg = {GGML_BACKEND_API_VERSION,
                                   {[](ggml_backend_reg_t) { return "medilora"; },
                                    [](ggml_backend_reg_t) -> size_t { return 1; },
                                    [](ggml_backend_reg_t, size_t) { return device(false); }, proc_address},
                                   nullptr};
    return &reg;
}

/// ggml's registry keeps pointers into this library until the process ends, while Node unloads an addon with the last
/// worker that used it.
void stay_loaded() {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(&register_gemm_backend), &info) != 0)
        dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

} // namespace

bool gemm_computes(const ggml_tensor* op) {
    if (is_view(op->op)) return true;
    if (op->op != GGML_OP_MUL_MAT && op->op != GGML_OP_OUT_PROD) return false;
    const ggml_tensor *w = op->src[0], *x = op->src[1];
    if (!is_weight(w) || !is_aligned_f32(x) || op->type != GGML_TYPE_F32 || !ggml_is_contiguous(op)) return false;
    if (op->op == GGML_OP_OUT_PROD) return x->ne[2] == 1 && x->ne[3] == 1 && !ggml_is_empty(op);
    // A Hadamard transform has a faster way of its own.
    return ggml_is_contiguous(x) && ggml_nrows(x) >= kMinTokens && !ggml_is_empty(op) &&
           op->op_params[1] != GGML_HINT_SRC0_IS_HADAMARD;
}

void register_gemm_backend() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (!gemm_backend_wanted()) return;
        stay_loaded();
        ggml_backend_register(registration());
    });
}

GemmScope::GemmScope(bool on) : outer_(scope_on) {
    if (on) register_gemm_backend();
    scope_on = on;
}

GemmScope::~GemmScope() {
    scope_on = outer_;
}

} // namespace medilora
