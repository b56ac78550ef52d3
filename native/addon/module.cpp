#include <napi.h>

#include "addon/module.h"

namespace medilora {

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
    register_system(env, exports);
    register_gemm(env, exports);
    register_gguf(env, exports);
    register_vocab(env, exports);
    register_engine(env, exports);
    register_embedder(env, exports);
    register_trainer(env, exports);
    register_adapter(env, exports);
    register_quantize(env, exports);
    register_measure(env, exports);
    return exports;
}

} // namespace

} // namespace medilora

Napi::Object medilora_init(Napi::Env env, Napi::Object exports) {
    return medilora::init(env, exports);
}

NODE_API_MODULE(medilora, medilora_init)
