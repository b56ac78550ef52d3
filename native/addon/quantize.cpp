#include "quantize/quantize.h"

#include <optional>

#include "addon/common.h"
#include "addon/module.h"

namespace medilora {

namespace {

/// An optional type of tensors.
std::optional<ggml_type> type_option(const Args& args, const char* name) {
    if (!args.has(name)) return std::nullopt;
    return tensor_type_of(args.string(name));
}

TensorTypes tensor_types_option(const Args& args) {
    TensorTypes types;
    types.output = type_option(args, "outputTensorType");
    types.embedding = type_option(args, "tokenEmbeddingType");
    types.pure = args.boolean("pure", false);
    if (!args.has("tensorTypes")) return types;
    if (!args.get("tensorTypes").IsArray())
        throw Error("ARGUMENT_INVALID", "Option `tensorTypes` must be an array of {pattern, type}.");
    const auto rules = args.get("tensorTypes").As<Napi::Array>();
    for (uint32_t i = 0; i < rules.Length(); ++i) {
        const Args rule(rules.Get(i));
        types.rules.push_back(tensor_type_rule(rule.string("pattern"), rule.string("type")));
    }
    return types;
}

/// quantize({input, output, type, imatrix?, tensorTypes?: [{pattern, type}], outputTensorType?, tokenEmbeddingType?,
///           pure?, threads?, allowRequantize?, cancel?, onProgress?})
///   -> Promise<{bytes, fallbacks, withoutImportance}>
Napi::Value quantize_model(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    QuantizeOptions options;
    options.input = args.string("input");
    options.output = args.string("output");
    options.type = args.string("type");
    options.imatrix = args.string("imatrix", "");
    options.tensor_types = tensor_types_option(args);
    options.threads = threads_option(args);
    options.allow_requantize = args.boolean("allowRequantize", false);
    return start_job(info.Env(), info[0], [options](JobContext& context) -> ValueBuilder {
        const QuantizeResult result = quantize(options, context.cancel, report_count(context));
        return numbers_object({{"bytes", result.bytes},
                               {"fallbacks", result.fallbacks},
                               {"withoutImportance", result.without_importance}});
    });
}

/// quantizeTypes() -> string[]
Napi::Value list_types(const Napi::CallbackInfo& info) {
    auto names = Napi::Array::New(info.Env());
    for (const std::string& name : quantize_types()) names.Set(names.Length(), name);
    return names;
}

} // namespace

void register_quantize(Napi::Env env, Napi::Object exports) {
    add_function<quantize_model>(env, exports, "quantize");
    add_function<list_types>(env, exports, "quantizeTypes");
}

} // namespace medilora
