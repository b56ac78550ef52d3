#include "gemm/ggml_backend.h"

#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include <dlfcn.h>

#include "gemm/choose.h"
#include "gemm/graph_compute.h"
#include "ggml-backend-impl.h"

namespace medilora {

namespace {

/// Set by GemmScope for the contexts made on this thread.
thread_local bool scope_on = false;

// The backend: one a context.

const char* backend_name(ggml_backend_t) {
    return "medilora-gemm";
}

GraphCompute* compute_of(ggml_backend_t backend) {
    return static_cast<GraphCompute*>(backend->context);
}

/// Takes back what device_init gave away.
void backend_free(ggml_backend_t backend) {
    const std::unique_ptr<ggml_backend> owner(backend);
    const std::unique_ptr<GraphCompute> compute(compute_of(backend));
}

void backend_set_threads(ggml_backend_t backend, int threads) {
    compute_of(backend)->set_threads(threads);
}

void backend_set_abort(ggml_backend_t backend, ggml_abort_callback callback, void* data) {
    compute_of(backend)->set_abort(callback, data);
}

ggml_status backend_compute(ggml_backend_t backend, ggml_cgraph* graph) {
    // ggml is C: no exception may pass through it.
    try {
        return compute_of(backend)->compute(graph);
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
    return is_active(device) && GraphCompute::supports(op);
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
        auto compute = std::make_unique<GraphCompute>();
        *backend = {backend_guid(), table, device(scope_on), compute.release()};
        return backend.release();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

// The registration.

void* proc_address(ggml_backend_reg_t, const char* name) {
    if (std::strcmp(name, "ggml_backend_set_n_threads") == 0) return reinterpret_cast<void*>(backend_set_threads);
    if (std::strcmp(name, "ggml_backend_set_abort_callback") == 0) return reinterpret_cast<void*>(backend_set_abort);
    return nullptr;
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
