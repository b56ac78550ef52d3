#include <memory>

#include "addon/common.h"
#include "addon/module.h"
#include "gguf/split.h"

namespace medilora {

namespace {

/// Long arrays (a vocabulary's tokens) are given by length only.
constexpr size_t kArrayLimit = 256;

template <typename T> Napi::Value numbers(Napi::Env env, const void* data, size_t count) {
    auto array = Napi::Array::New(env, count);
    for (size_t i = 0; i < count; ++i)
        array.Set(static_cast<uint32_t>(i), static_cast<double>(static_cast<const T*>(data)[i]));
    return array;
}

Napi::Value array_value(Napi::Env env, const gguf_context* context, int64_t id) {
    const size_t count = gguf_get_arr_n(context, id);
    const gguf_type type = gguf_get_arr_type(context, id);
    if (count > kArrayLimit || type == GGUF_TYPE_ARRAY) {
        auto summary = Napi::Object::New(env);
        summary.Set("type", gguf_type_name(type));
        summary.Set("length", static_cast<double>(count));
        return summary;
    }
    if (type == GGUF_TYPE_STRING) {
        auto array = Napi::Array::New(env, count);
        for (size_t i = 0; i < count; ++i) array.Set(static_cast<uint32_t>(i), gguf_get_arr_str(context, id, i));
        return array;
    }
    const void* data = gguf_get_arr_data(context, id);
    switch (type) {
    case GGUF_TYPE_UINT8:
        return numbers<uint8_t>(env, data, count);
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
        return numbers<int8_t>(env, data, count);
    case GGUF_TYPE_UINT16:
        return numbers<uint16_t>(env, data, count);
    case GGUF_TYPE_INT16:
        return numbers<int16_t>(env, data, count);
    case GGUF_TYPE_UINT32:
        return numbers<uint32_t>(env, data, count);
    case GGUF_TYPE_INT32:
        return numbers<int32_t>(env, data, count);
    case GGUF_TYPE_UINT64:
        return numbers<uint64_t>(env, data, count);
    case GGUF_TYPE_INT64:
        return numbers<int64_t>(env, data, count);
    case GGUF_TYPE_FLOAT32:
        return numbers<float>(env, data, count);
    default:
        return numbers<double>(env, data, count);
    }
}

Napi::Value metadata_value(Napi::Env env, const GgufFile& file, const std::string& key, int64_t id) {
    switch (gguf_get_kv_type(file.context(), id)) {
    case GGUF_TYPE_STRING:
        return Napi::String::New(env, gguf_get_val_str(file.context(), id));
    case GGUF_TYPE_BOOL:
        return Napi::Boolean::New(env, gguf_get_val_bool(file.context(), id));
    case GGUF_TYPE_ARRAY:
        return array_value(env, file.context(), id);
    default:
        return Napi::Number::New(env, file.real(key));
    }
}

Napi::Value tensor_value(Napi::Env env, const GgufTensor& tensor) {
    auto value = Napi::Object::New(env);
    int dims = 4;
    while (dims > 1 && tensor.ne[dims - 1] == 1) --dims;
    auto shape = Napi::Array::New(env);
    for (int d = 0; d < dims; ++d) shape.Set(static_cast<uint32_t>(d), static_cast<double>(tensor.ne[d]));
    value.Set("name", tensor.name);
    value.Set("type", ggml_type_name(tensor.type));
    value.Set("shape", shape);
    value.Set("bytes", static_cast<double>(tensor.bytes));
    return value;
}

Napi::Value describe(Napi::Env env, const GgufFile& file) {
    auto metadata = Napi::Object::New(env);
    for (int64_t i = 0; i < gguf_get_n_kv(file.context()); ++i) {
        const std::string key = gguf_get_key(file.context(), i);
        metadata.Set(key, metadata_value(env, file, key, i));
    }
    auto tensors = Napi::Array::New(env);
    for (const GgufTensor& tensor : file.tensors()) tensors.Set(tensors.Length(), tensor_value(env, tensor));
    auto value = Napi::Object::New(env);
    value.Set("bytes", static_cast<double>(file.size()));
    value.Set("metadata", metadata);
    value.Set("tensors", tensors);
    return value;
}

/// ggufRead(path) -> Promise<{bytes, metadata, tensors: [{name, type, shape, bytes}]}>; shape in ne order.
Napi::Value gguf_read(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) throw Error("ARGUMENT_INVALID", "A path is expected.");
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    return start_job(info.Env(), info[1], [path](JobContext&) -> ValueBuilder {
        auto file = std::make_shared<GgufModel>(path);
        return [file](Napi::Env env) { return describe(env, *file); };
    });
}

} // namespace

void register_gguf(Napi::Env env, Napi::Object exports) {
    add_function<gguf_read>(env, exports, "ggufRead");
}

} // namespace medilora
