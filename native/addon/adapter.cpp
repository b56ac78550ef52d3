#include "adapter/merge.h"

#include <cmath>
#include <limits>

#include "addon/common.h"
#include "addon/module.h"

namespace medilora {

namespace {

ggml_type float_type(const std::string& name) {
    if (name.empty()) return GGML_TYPE_COUNT;
    if (name == "F32") return GGML_TYPE_F32;
    if (name == "F16") return GGML_TYPE_F16;
    if (name == "BF16") return GGML_TYPE_BF16;
    throw Error("TYPE_UNSUPPORTED", "A merged model is written as F32, F16 or BF16. Quantise it afterwards.");
}

float scale_option(const Args& args) {
    const double scale = args.number("scale", 1.0);
    if (std::abs(scale) > std::numeric_limits<float>::max())
        throw Error("ARGUMENT_INVALID", "Option `scale` must fit a 32-bit float.");
    return static_cast<float>(scale);
}

std::vector<WeightedAdapter> adapters_option(const Args& args) {
    const Napi::Value value = args.get("adapters");
    if (!value.IsArray() || value.As<Napi::Array>().Length() == 0)
        throw Error("ARGUMENT_INVALID", "Option `adapters` must be a list of at least one adapter.");
    const auto list = value.As<Napi::Array>();
    std::vector<WeightedAdapter> adapters;
    for (uint32_t i = 0; i < list.Length(); ++i) {
        const Args adapter(list.Get(i));
        adapters.push_back({adapter.string("path"), scale_option(adapter)});
    }
    return adapters;
}

/// {text: Uint8Array, ready: Int32Array of length 1}, which the job's options keep alive.
LateText late_text_option(const Args& args, const char* name) {
    const Args late = args.object(name);
    const Napi::Value text = late.get("text"), ready = late.get("ready");
    const auto is = [](const Napi::Value& value, napi_typedarray_type type) {
        return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
    };
    if (!is(text, napi_uint8_array) || !is(ready, napi_int32_array) ||
        ready.As<Napi::TypedArray>().ElementLength() != 1)
        throw Error("ARGUMENT_INVALID", std::string("Option `") + name + "` must hold a Uint8Array and an Int32Array.");
    const auto bytes = text.As<Napi::Uint8Array>();
    return LateText(reinterpret_cast<const char*>(bytes.Data()), bytes.ElementLength(),
                    ready.As<Napi::Int32Array>().Data());
}

/// adapterMerge({base, adapters: [{path, scale?}], output, type?, scale?, quantize?, threads?, metadata?, baseSha256,
///               cancel?, onProgress?}) -> Promise<{bytes, mergedTensors, type, baseQuantized}>
Napi::Value adapter_merge(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    MergeOptions options;
    options.base = args.string("base");
    options.adapters = adapters_option(args);
    options.output = args.string("output");
    options.type = float_type(args.string("type", ""));
    options.scale = scale_option(args);
    options.quantize = args.string("quantize", "");
    options.threads = threads_option(args);
    options.metadata = metadata_option(args);
    const LateText base_sha256 = late_text_option(args, "baseSha256");
    return start_job(info.Env(), info[0], [options, base_sha256](JobContext& context) -> ValueBuilder {
        const MergeResult result = merge_adapters(options, base_sha256, context.cancel, report_count(context));
        return [result](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("bytes", static_cast<double>(result.bytes));
            value.Set("mergedTensors", static_cast<double>(result.merged_tensors));
            const char* type = result.type == GGML_TYPE_F32 ? "F32" : result.type == GGML_TYPE_F16 ? "F16" : "BF16";
            value.Set("type", type);
            value.Set("baseQuantized", result.base_quantized);
            return value;
        };
    });
}

} // namespace

void register_adapter(Napi::Env env, Napi::Object exports) {
    add_function<adapter_merge>(env, exports, "adapterMerge");
}

} // namespace medilora
