#pragma once

#include <napi.h>

#include "addon/job.h"

namespace medilora {

// Each adds its functions to the addon's exports; one file of native/addon a subject.
void register_system(Napi::Env env, Napi::Object exports);
void register_gemm(Napi::Env env, Napi::Object exports);
void register_gguf(Napi::Env env, Napi::Object exports);
void register_vocab(Napi::Env env, Napi::Object exports);
void register_engine(Napi::Env env, Napi::Object exports);
void register_embedder(Napi::Env env, Napi::Object exports);
void register_trainer(Napi::Env env, Napi::Object exports);
void register_adapter(Napi::Env env, Napi::Object exports);
void register_quantize(Napi::Env env, Napi::Object exports);
void register_measure(Napi::Env env, Napi::Object exports);

/// Adds a function; a medilora::Error thrown by its body becomes a JavaScript exception.
template <Napi::Value (*Body)(const Napi::CallbackInfo&)>
void add_function(Napi::Env env, Napi::Object exports, const char* name) {
    exports.Set(
        name,
        Napi::Function::New(
            env, [](const Napi::CallbackInfo& info) { return guarded(info.Env(), [&] { return Body(info); }); }, name));
}

} // namespace medilora
