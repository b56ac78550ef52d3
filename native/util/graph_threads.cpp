#include "util/graph_threads.h"

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "util/error.h"

namespace medilora {

namespace {

/// The CPU backend is a library of its own, found at run time: its functions are asked for by name.
template <typename Function> Function* cpu_function(const char* name) {
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    return reinterpret_cast<Function*>(ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), name));
}

} // namespace

ggml_backend_t open_backend(ggml_backend_dev_t device, int threads) {
    ggml_backend_t backend = ggml_backend_dev_init(device, nullptr);
    const auto set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
    if (backend != nullptr && set_threads != nullptr) set_threads(backend, threads);
    return backend;
}

GraphThreads::GraphThreads(int threads, Idle idle) {
    if (threads < 2) return;
    auto* create = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new");
    ggml_threadpool_params params = ggml_threadpool_params_default(threads);
    // They begin asleep, so that the first graph wakes each on an idle core; born spinning, they can share their
    // parent's core for a second. Spinning ones do so through the gap between two graphs (about 3 ms), not for 100 ms.
    params.paused = true;
    params.poll = idle == Idle::spin ? 1 : 0;
    if (create != nullptr) pool_.reset(create(&params));
    if (!pool_) throw Error("OUT_OF_MEMORY", "The engine's threads could not be started. Use fewer threads.");
}

void GraphThreads::attach(llama_context* context) const {
    if (pool_) llama_attach_threadpool(context, pool_.get(), pool_.get());
}

void GraphThreads::attach(ggml_backend_t cpu_backend) const {
    auto* set = cpu_function<decltype(ggml_backend_cpu_set_threadpool)>("ggml_backend_cpu_set_threadpool");
    if (pool_ && set != nullptr) set(cpu_backend, pool_.get());
}

void GraphThreads::Freed::operator()(ggml_threadpool* pool) const {
    auto* free = cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free");
    if (free != nullptr) free(pool);
}

} // namespace medilora
