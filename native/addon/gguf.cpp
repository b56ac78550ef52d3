#include <memory>

#include "addon/common.h"
#include "addon/module.h"
#include "gguf/gguf_writer.h"
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
    value.Set("offset", static_cast<double>(tensor.offset));
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

/// ggufRead(path) -> Promise<{bytes, metadata, tensors: [{name, type, shape, bytes, offset}]}>; shape in ne order.
Napi::Value gguf_read(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) throw Error("ARGUMENT_INVALID", "A path is expected.");
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    return start_job(info.Env(), info[1], [path](JobContext&) -> ValueBuilder {
        auto file = std::make_shared<GgufModel>(path);
        return [file](Napi::Env env) { return describe(env, *file); };
    });
}

ggml_type float_type(const std::string& name) {
    for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16})
        if (name == ggml_type_name(type)) return type;
    throw Error("TYPE_UNSUPPORTED", "A tensor is written as f32, f16 or bf16.");
}

void declare_tensor(GgufWriter& writer, const Args& tensor) {
    const std::string name = tensor.string("name");
    if (name.size() >= GGML_MAX_NAME || gguf_find_tensor(writer.metadata(), name.c_str()) >= 0)
        throw Error("ARGUMENT_INVALID", "Names of tensors must differ, and be shorter than 64 bytes.");
    std::vector<int64_t> ne;
    for (const int32_t size : tensor.ints("shape")) {
        if (size < 1) throw Error("ARGUMENT_INVALID", "Sizes of tensors must be positive.");
        ne.push_back(size);
    }
    if (ne.size() > GGML_MAX_DIMS) throw Error("ARGUMENT_INVALID", "Tensors have at most 4 dimensions.");
    writer.declare(name, float_type(tensor.string("type")), ne);
}

/// ggufHeader({metadata, tensors: [{name, type, shape}]}) -> Uint8Array; metadata are texts and numbers, those stored
/// as float32, shapes are Int32Arrays in ne order. The tensors' bytes follow in this order, each padded to 32 bytes.
Napi::Value gguf_header(const Napi::CallbackInfo& info) {
    const Args args(info[0]), metadata(args.object("metadata"));
    if (!args.get("tensors").IsArray()) throw Error("ARGUMENT_INVALID", "Option `tensors` must be a list.");
    GgufWriter writer;
    for (const std::string& key : metadata.keys())
        if (metadata.get(key.c_str()).IsNumber())
            gguf_set_val_f32(writer.metadata(), key.c_str(), static_cast<float>(metadata.number(key.c_str())));
        else
            gguf_set_val_str(writer.metadata(), key.c_str(), metadata.string(key.c_str()).c_str());
    const auto tensors = args.get("tensors").As<Napi::Array>();
    for (uint32_t i = 0; i < tensors.Length(); ++i) declare_tensor(writer, Args(tensors.Get(i)));
    const std::vector<char> header = writer.header();
    auto bytes = Napi::Uint8Array::New(info.Env(), header.size());
    std::copy(header.begin(), header.end(), bytes.Data());
    return bytes;
}

} // namespace

void register_gguf(Napi::Env env, Napi::Object exports) {
    add_function<gguf_read>(env, exports, "ggufRead");
    add_function<gguf_header>(env, exports, "ggufHeader");
}

} // namespace medilora
