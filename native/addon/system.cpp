#include <string>

#include "addon/module.h"
#include "ggml-backend.h"
#include "llama.h"
#include "util/llama_runtime.h"
#include "util/thread_pool.h"

namespace medilora {

namespace {

/// systemInfo() -> {llamaCpp, threads, devices: [{name, description}]}
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
    result.Set("threads", default_threads());
    result.Set("devices", devices);
    return result;
}

} // namespace

void register_system(Napi::Env env, Napi::Object exports) {
    add_function<system_info>(env, exports, "systemInfo");
}

} // namespace medilora
