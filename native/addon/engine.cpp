#include <atomic>
#include <map>

#include "addon/args.h"
#include "addon/handle.h"
#include "addon/module.h"
#include "infer/engine.h"
#include "infer/score.h"
#include "infer/vocab.h"
#include "util/thread_pool.h"

namespace medilora {

namespace {

struct EngineObject {
    static const napi_type_tag tag;

    EngineObject(const EngineOptions& options, const Cancel& cancel, const LoadProgress& progress)
        : engine(options, cancel, progress) {}

    Engine engine;
    std::atomic<bool> busy{false};
};

const napi_type_tag EngineObject::tag = {0x6d65646965303031, 0x4b7702c6d8e913f5};

using EngineHandle = Handle<EngineObject>;

/// Holds an engine for one job; the job lets go of it before its promise settles.
class Occupied {
  public:
    explicit Occupied(std::shared_ptr<EngineObject> object) : object_(std::move(object)) {
        if (object_->busy.exchange(true))
            throw Error("BUSY", "This engine runs another call. Await it first, or open a second engine.");
    }
    ~Occupied() { object_->busy.store(false); }
    Occupied(const Occupied&) = delete;
    Occupied& operator=(const Occupied&) = delete;

    Engine& engine() const { return object_->engine; }

  private:
    std::shared_ptr<EngineObject> object_;
};

/// The value that a name stands for; an unknown name is an ARGUMENT_INVALID that lists the known ones.
template <typename T>
T named(const std::string& option, const std::string& name, const std::map<std::string, T>& values) {
    const auto found = values.find(name);
    if (found != values.end()) return found->second;
    std::string known;
    for (const auto& entry : values) known += (known.empty() ? "" : ", ") + entry.first;
    throw Error("ARGUMENT_INVALID", "Option `" + option + "` must be one of: " + known + ".");
}

EngineOptions read_options(const Args& args) {
    EngineOptions options;
    options.model.path = args.string("model");
    each(args, "adapters", [&](const Args& adapter) {
        options.model.adapters.push_back({adapter.string("path"), static_cast<float>(adapter.number("scale", 1))});
    });
    options.model.gpu_layers = static_cast<int>(args.integer("gpuLayers", 0, 10000, 0));
    if (args.has("repackWeights")) options.model.repack = args.boolean("repackWeights", false);
    options.context_size = static_cast<uint32_t>(args.integer("contextSize", 1, 1 << 24, options.context_size));
    options.sequences = static_cast<uint32_t>(args.integer("sequences", 1, 256, options.sequences));
    options.batch_size = static_cast<uint32_t>(args.integer("batchSize", 1, 1 << 20, options.batch_size));
    options.micro_batch_size = static_cast<uint32_t>(
        args.integer("microBatchSize", 1, 1 << 20, std::min(options.micro_batch_size, options.batch_size)));
    options.threads = static_cast<int32_t>(args.integer("threads", 1, GGML_MAX_N_THREADS, default_threads()));
    options.kv_type =
        named<ggml_type>("kvType", args.string("kvType", "f16"), {{"f16", GGML_TYPE_F16}, {"f32", GGML_TYPE_F32}});
    options.flash_attention = named<llama_flash_attn_type>("flashAttention", args.string("flashAttention", "auto"),
                                                           {{"auto", LLAMA_FLASH_ATTN_TYPE_AUTO},
                                                            {"on", LLAMA_FLASH_ATTN_TYPE_ENABLED},
                                                            {"off", LLAMA_FLASH_ATTN_TYPE_DISABLED}});
    return options;
}

/// engineOpen({model, adapters, contextSize, sequences, batchSize, microBatchSize, threads, gpuLayers, repackWeights,
///             kvType, flashAttention, cancel, onProgress}) -> Promise<handle>; progress {type: "load", fraction}
Napi::Value engine_open(const Napi::CallbackInfo& info) {
    const EngineOptions options = read_options(Args(info[0]));
    return start_job(info.Env(), info[0], [options](JobContext& job) -> ValueBuilder {
        const auto report = [&job](float fraction) {
            job.report([fraction](Napi::Env env) -> Napi::Value {
                auto progress = Napi::Object::New(env);
                progress.Set("type", "load");
                progress.Set("fraction", fraction);
                return progress;
            });
        };
        auto engine = std::make_shared<EngineObject>(options, job.cancel, report);
        return [engine](Napi::Env env) { return EngineHandle::wrap(env, engine); };
    });
}

/// engineInfo(handle) -> {vocabSize, sequenceLimit, contextSize, sequences, batchSize, microBatchSize, threads}
Napi::Value engine_info(const Napi::CallbackInfo& info) {
    const auto object = EngineHandle::get(info[0]);
    const EngineOptions& options = object->engine.options();
    auto result = Napi::Object::New(info.Env());
    result.Set("vocabSize", llama_vocab_n_tokens(object->engine.vocab()));
    result.Set("sequenceLimit", static_cast<double>(object->engine.sequence_limit()));
    result.Set("contextSize", options.context_size);
    result.Set("sequences", options.sequences);
    result.Set("batchSize", options.batch_size);
    result.Set("microBatchSize", options.micro_batch_size);
    result.Set("threads", options.threads);
    return result;
}

SamplerStep read_step(const Args& args) {
    using Type = SamplerStep::Type;
    SamplerStep step{named<Type>("type", args.string("type"),
                                 {{"penalties", Type::penalties},
                                  {"topK", Type::top_k},
                                  {"topP", Type::top_p},
                                  {"minP", Type::min_p},
                                  {"temperature", Type::temperature},
                                  {"draw", Type::draw},
                                  {"greedy", Type::greedy}})};
    if (step.type == Type::penalties) {
        step.count = static_cast<int32_t>(args.integer("lastN", 0, 1 << 24));
        step.value = static_cast<float>(args.number("repeat"));
    }
    if (step.type == Type::top_k) step.count = static_cast<int32_t>(args.integer("k", 1, INT32_MAX));
    if (step.type == Type::top_p || step.type == Type::min_p) {
        step.value = static_cast<float>(args.number("p"));
        step.min_keep = static_cast<size_t>(args.integer("minKeep", 1, INT32_MAX));
    }
    if (step.type == Type::temperature) step.value = static_cast<float>(args.number("t"));
    return step;
}

Request read_request(const Args& args) {
    Request request;
    request.prompt = args.ints("prompt");
    request.max_tokens = static_cast<int32_t>(args.integer("maxTokens", 1, INT32_MAX));
    // llama.cpp takes the highest number for "choose a seed at random".
    request.seed = static_cast<uint32_t>(args.integer("seed", 0, LLAMA_DEFAULT_SEED - 1));
    each(args, "sampler", [&](const Args& step) { request.sampler.push_back(read_step(step)); });
    if (args.has("stopTokens")) request.stop_tokens = args.ints("stopTokens");
    if (args.has("stopStrings")) request.stop_strings = args.strings("stopStrings");
    return request;
}

/// The items of `requests`, each through `read`; an error names the request.
template <typename Request> std::vector<Request> read_requests(const Args& args, Request (*read)(const Args&)) {
    std::vector<Request> requests;
    each(args, "requests", [&](const Args& request) {
        try {
            requests.push_back(read(request));
        } catch (const Error& error) {
            throw Error(error.code(), "Request " + std::to_string(requests.size()) + ": " + error.what());
        }
    });
    return requests;
}

Napi::Value result_to_js(Napi::Env env, const Result& result) {
    auto logprobs = Napi::Float64Array::New(env, result.logprobs.size());
    double sum = 0;
    for (size_t i = 0; i < result.logprobs.size(); ++i) sum += logprobs[i] = result.logprobs[i];
    auto value = Napi::Object::New(env);
    value.Set("type", "result");
    value.Set("index", static_cast<double>(result.index));
    value.Set("tokens", to_int32_array(env, result.tokens));
    value.Set("text", result.text);
    value.Set("finish", result.stopped ? "stop" : "length");
    value.Set("logprob", sum);
    value.Set("logprobs", logprobs);
    value.Set("promptTokens", static_cast<double>(result.prompt_tokens));
    return value;
}

/// engineGenerate(handle, {requests: [{prompt, maxTokens, seed, sampler, stopTokens, stopStrings}], sharePrefix,
/// cancel,
///                onProgress}) -> Promise<undefined>; progress {type: "result", index, tokens, text, finish, logprob,
///                logprobs, promptTokens} as each request ends
Napi::Value engine_generate(const Napi::CallbackInfo& info) {
    const Args args(info[1]);
    auto requests = std::make_shared<const std::vector<Request>>(read_requests(args, read_request));
    const bool share_prefix = args.boolean("sharePrefix", true);
    auto occupied = std::make_shared<Occupied>(EngineHandle::get(info[0]));
    return start_job(info.Env(), info[1], [occupied, requests, share_prefix](JobContext& job) -> ValueBuilder {
        occupied->engine().generate(*requests, share_prefix, job.cancel, [&job](Result&& result) {
            auto shared = std::make_shared<const Result>(std::move(result));
            job.report([shared](Napi::Env env) { return result_to_js(env, *shared); });
        });
        return undefined_value;
    });
}

/// An Int32Array that a request holds, or one of several.
std::vector<int32_t> tokens_of(const Napi::Value& value, const std::string& name) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
        throw Error("ARGUMENT_INVALID", name + " must be an Int32Array.");
    const auto array = value.As<Napi::Int32Array>();
    return {array.Data(), array.Data() + array.ElementLength()};
}

ScoreRequest read_score_request(const Args& args) {
    ScoreRequest request;
    request.context = args.ints("context");
    if (!args.get("continuations").IsArray())
        throw Error("ARGUMENT_INVALID", "Option `continuations` must be an array of Int32Arrays.");
    const auto array = args.get("continuations").As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i)
        request.continuations.push_back(tokens_of(array.Get(i), "Continuation " + std::to_string(i)));
    return request;
}

Napi::Value score_to_js(Napi::Env env, const ScoreResult& result) {
    auto logprobs = Napi::Float64Array::New(env, result.scores.size());
    auto greedy = Napi::Array::New(env, result.scores.size());
    for (size_t i = 0; i < result.scores.size(); ++i) {
        logprobs[i] = result.scores[i].logprob;
        greedy.Set(static_cast<uint32_t>(i), Napi::Boolean::New(env, result.scores[i].is_greedy));
    }
    auto value = Napi::Object::New(env);
    value.Set("type", "score");
    value.Set("index", static_cast<double>(result.index));
    value.Set("logprobs", logprobs);
    value.Set("isGreedy", greedy);
    return value;
}

/// engineScore(handle, {requests: [{context, continuations}], sharePrefix, cancel, onProgress}) -> Promise<undefined>;
/// progress {type: "score", index, logprobs, isGreedy} as each request ends
Napi::Value engine_score(const Napi::CallbackInfo& info) {
    const Args args(info[1]);
    auto requests = std::make_shared<const std::vector<ScoreRequest>>(read_requests(args, read_score_request));
    const bool share_prefix = args.boolean("sharePrefix", true);
    auto occupied = std::make_shared<Occupied>(EngineHandle::get(info[0]));
    return start_job(info.Env(), info[1], [occupied, requests, share_prefix](JobContext& job) -> ValueBuilder {
        occupied->engine().score(*requests, share_prefix, job.cancel, [&job](ScoreResult&& result) {
            auto shared = std::make_shared<const ScoreResult>(std::move(result));
            job.report([shared](Napi::Env env) { return score_to_js(env, *shared); });
        });
        return undefined_value;
    });
}

/// engineLogits(handle, {tokens, cancel}) -> Promise<Float32Array>, [tokens, vocab]
Napi::Value engine_logits(const Napi::CallbackInfo& info) {
    const auto tokens = Args(info[1]).ints("tokens");
    auto occupied = std::make_shared<Occupied>(EngineHandle::get(info[0]));
    return start_job(info.Env(), info[1], [occupied, tokens](JobContext& job) -> ValueBuilder {
        auto logits = std::make_shared<const std::vector<float>>(occupied->engine().logits(tokens, job.cancel));
        return [logits](Napi::Env env) { return to_float32_array(env, *logits); };
    });
}

/// engineDispose(handle): a running call keeps the engine until it ends.
Napi::Value engine_dispose(const Napi::CallbackInfo& info) {
    EngineHandle::dispose(info[0]);
    return info.Env().Undefined();
}

} // namespace

void register_engine(Napi::Env env, Napi::Object exports) {
    add_function<engine_open>(env, exports, "engineOpen");
    add_function<engine_info>(env, exports, "engineInfo");
    add_function<engine_generate>(env, exports, "engineGenerate");
    add_function<engine_score>(env, exports, "engineScore");
    add_function<engine_logits>(env, exports, "engineLogits");
    add_function<engine_dispose>(env, exports, "engineDispose");
}

} // namespace medilora
