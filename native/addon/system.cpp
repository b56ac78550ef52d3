#include <string>

#include <dlfcn.h>

#include "addon/module.h"
#include "ggml-backend.h"
#include "llama.h"
#include "util/llama_runtime.h"
#include "util/thread_pool.h"

namespace medilora {

namespace {

/// Path of the loaded file that holds this address; empty where that is unknown.
std::string file_of(const void* address) {
    Dl_info info;
    return address != nullptr && dladdr(address, &info) != 0 ? info.dli_fname : "";
}

/// ggml's CPU backend is one of several libraries, one a processor family; all have this function.
std::string cpu_library() {
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    return file_of(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
}

/// systemInfo() -> {llamaCpp, linked: "prebuilt"|"source", libraries: {llama, cpu}, threads, devices: [{name,
/// description}]}
Napi::Value system_info(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    init_llama_runtime();
    auto devices = Napi::Array::New(env);
    for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        auto entry = Napi::Object::New(env);
        entry.Set("name", ggml_backend_dev_name(device));
        entry.Set("description", ggml_backend_dev_description(device));
        devices.Set(static_cast<uint32_t>(i), entry);
    }
    auto result = Napi::Object::New(env);
    result.Set("llamaCpp", MEDILORA_LLAMA_TAG);
#ifdef MEDILORA_LLAMA_STATIC
    result.Set("linked", "source");
#else
    result.Set("linked", "prebuilt");
#endif
    auto libraries = Napi::Object::New(env);
    libraries.Set("llama", file_of(reinterpret_cast<const void*>(&llama_backend_init)));
    libraries.Set("cpu", cpu_library());
    result.Set("libraries", libraries);
    result.Set("threads", default_threads());
    result.Set("devices", devices);
    return result;
}

} // namespace

void register_system(Napi::Env env, Napi::Object exports) {
    add_function<system_info>(env, exports, "systemInfo");
}

} // namespace medilora
