#include "quantize/quantize.h"

#include "addon/common.h"
#include "addon/module.h"

namespace medilora {

namespace {

/// quantize({input, output, type, threads?, allowRequantize?, cancel?, onProgress?}) -> Promise<bytes>
Napi::Value quantize_model(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    QuantizeOptions options;
    options.input = args.string("input");
    options.output = args.string("output");
    options.type = args.string("type");
    options.threads = threads_option(args);
    options.allow_requantize = args.boolean("allowRequantize", false);
    return start_job(info.Env(), info[0], [options](JobContext& context) -> ValueBuilder {
        const size_t bytes = quantize(options, context.cancel, report_count(context));
        return [bytes](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, static_cast<double>(bytes)); };
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
