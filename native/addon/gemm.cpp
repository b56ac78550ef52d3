#include "addon/common.h"
#include "addon/module.h"
#include "gemm/attention_check.h"
#include "gemm/choose.h"
#include "gemm/ggml_backend.h"
#include "gemm/measure.h"
#include "ggml-backend.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

ggml_type type_named(const std::string& name) {
    for (const ggml_type type : testable_types())
        if (name == ggml_type_name(type)) return type;
    throw Error("ARGUMENT_INVALID", "Option `type` is no weight type that can be made here. See gemmInfo().types.");
}

GemmCase::Direction direction_named(const std::string& name) {
    if (name == "forward") return GemmCase::kForward;
    if (name == "backward") return GemmCase::kBackward;
    if (name == "multiply") return GemmCase::kMultiply;
    throw Error("ARGUMENT_INVALID", "Option `direction` must be forward, backward or multiply.");
}

/// Option `kernel`: the fastest that runs here unless one is named.
const Kernels* kernels_option(const Args& args) {
    return args.has("kernel") ? &kernels_named(args.string("kernel")) : &kernels();
}

uint64_t seed_option(const Args& args) {
    return static_cast<uint64_t>(args.integer("seed", 0, int64_t{1} << 32, 0));
}

GemmCase case_of(const Args& args) {
    GemmCase c;
    c.direction = direction_named(args.string("direction", "forward"));
    c.type = type_named(args.string("type", "f32"));
    c.rows = args.integer("rows", 1, 1 << 17);
    c.cols = args.integer("cols", 1, 1 << 17);
    c.tokens = args.integer("tokens", 1, 1 << 17);
    c.seed = seed_option(args);
    c.threads = threads_option(args);
    c.set = kernels_option(args);
    c.accumulate = args.boolean("accumulate", false);
    c.through_ggml = args.boolean("throughGgml", false);
    return c;
}

/// gemmCheck({direction?, type?, rows, cols, tokens, seed?, threads?, kernel?, accumulate?, throughGgml?})
///   -> Promise<{error, identical, kernel, format}>
Napi::Value check(const Napi::CallbackInfo& info) {
    const GemmCase c = case_of(Args(info[0]));
    return start_job(info.Env(), info[0], [c](JobContext&) -> ValueBuilder {
        const GemmReport report = check_gemm(c);
        return [report, c](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("error", report.error);
            value.Set("identical", report.identical);
            value.Set("kernel", c.set->name);
            value.Set("format", report.bf16 ? "bf16" : "f32");
            return value;
        };
    });
}

/// attentionCheck({tokens, cells, heads, kvHeads, keyLength, valueLength, type?, softcap?, biased?, seed?, threads?,
///                 kernel?}) -> Promise<{error, alone, moved}>
Napi::Value check_cells(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    AttentionCase c;
    c.tokens = args.integer("tokens", 1, 4096);
    c.cells = args.integer("cells", 1, 4096);
    c.heads = args.integer("heads", 1, 256);
    c.kv_heads = args.integer("kvHeads", 1, 256);
    c.d_k = args.integer("keyLength", 1, 1024);
    c.d_v = args.integer("valueLength", 1, 1024);
    c.type = type_named(args.string("type", "f32"));
    c.softcap = static_cast<float>(args.number("softcap", 0));
    c.biased = args.boolean("biased", false);
    c.seed = seed_option(args);
    c.threads = threads_option(args);
    c.set = kernels_option(args);
    return start_job(info.Env(), info[0], [c](JobContext&) -> ValueBuilder {
        const AttentionReport report = check_attention(c);
        return [report](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("error", report.error);
            value.Set("alone", report.alone);
            value.Set("moved", report.moved);
            return value;
        };
    });
}

/// gemmBench({direction?, type?, rows, cols, tokens, threads?, kernel?, repeats?, ggmlTokens?, cancel?})
///   -> Promise<{gflops, ggmlGflops, peakGflops, shareOfPeak, ratioToGgml}>
Napi::Value bench(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    const GemmCase c = case_of(args);
    const int repeats = static_cast<int>(args.integer("repeats", 1, 1000, 5));
    const int64_t ggml_tokens = args.integer("ggmlTokens", 0, 1 << 17, 0);
    return start_job(info.Env(), info[0], [=](JobContext& context) -> ValueBuilder {
        const GemmRates rates = measure_gemm(c, repeats, ggml_tokens, context.cancel);
        return [rates](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("gflops", rates.gflops);
            value.Set("ggmlGflops", rates.ggml_gflops);
            value.Set("peakGflops", rates.peak_gflops);
            value.Set("shareOfPeak", rates.share_of_peak);
            value.Set("ratioToGgml", rates.ratio_to_ggml);
            return value;
        };
    });
}

/// gemmPeak({threads?}) -> Promise<{kernel, f32, bf16}>, in GFLOP/s; bf16 is 0 where the processor lacks it.
Napi::Value peak(const Napi::CallbackInfo& info) {
    const int threads = threads_option(Args(info[0]));
    return start_job(info.Env(), info[0], [threads](JobContext&) -> ValueBuilder {
        ThreadPool pool(threads);
        const Kernels& set = kernels();
        const double f32 = measure_peak(pool, set.f32);
        const double bf16 = set.bf16.tile != nullptr ? measure_peak(pool, set.bf16) : 0.0;
        return [f32, bf16, &set](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("kernel", set.name);
            value.Set("f32", f32);
            value.Set("bf16", bf16);
            return value;
        };
    });
}

/// gemmInfo() -> {kernel, kernels, registered, types: [{name, block}]}
Napi::Value gemm_info(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    init_llama_runtime();
    register_gemm_backend();
    auto names = Napi::Array::New(env), types = Napi::Array::New(env);
    for (const Kernels* set : usable_kernels()) names.Set(names.Length(), set->name);
    for (const ggml_type type : testable_types()) {
        auto entry = Napi::Object::New(env);
        entry.Set("name", ggml_type_name(type));
        entry.Set("block", static_cast<double>(ggml_blck_size(type)));
        types.Set(types.Length(), entry);
    }
    auto value = Napi::Object::New(env);
    value.Set("kernel", kernels().name);
    value.Set("kernels", names);
    value.Set("registered", ggml_backend_reg_by_name("medilora") != nullptr);
    value.Set("types", types);
    return value;
}

} // namespace

void register_gemm(Napi::Env env, Napi::Object exports) {
    add_function<check>(env, exports, "gemmCheck");
    add_function<check_cells>(env, exports, "attentionCheck");
    add_function<bench>(env, exports, "gemmBench");
    add_function<peak>(env, exports, "gemmPeak");
    add_function<gemm_info>(env, exports, "gemmInfo");
}

} // namespace medilora
