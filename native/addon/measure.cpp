#include <memory>

#include "addon/common.h"
#include "addon/module.h"
#include "infer/imatrix.h"
#include "infer/perplexity.h"

namespace medilora {

namespace {

constexpr int64_t kMostChunkTokens = 1 << 20;

/// Options model, tokens, chunkSize and threads.
ChunkedText text_options(const Args& args) {
    ChunkedText text;
    text.model = args.string("model");
    text.tokens = args.ints("tokens");
    text.chunk_size = static_cast<uint32_t>(args.integer("chunkSize", 16, kMostChunkTokens));
    text.threads = threads_option(args);
    return text;
}

/// imatrix({model, tokens, chunkSize, output, partial, resume?, datasets, metadata?, threads?, cancel?, onProgress?})
///   -> Promise<{bytes, tensors, idleExperts}>
Napi::Value imatrix(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    auto options = std::make_shared<ImatrixOptions>();
    options->text = text_options(args);
    options->output = args.string("output");
    options->partial = args.string("partial");
    options->resume = args.boolean("resume", false);
    options->datasets = args.strings("datasets");
    options->metadata = metadata_option(args);
    return start_job(info.Env(), info[0], [options](JobContext& context) -> ValueBuilder {
        const ImatrixResult result = make_imatrix(*options, context.cancel, report_count(context));
        return numbers_object(
            {{"bytes", result.bytes}, {"tensors", result.tensors}, {"idleExperts", result.idle_experts}});
    });
}

Napi::Value float64_array(Napi::Env env, const std::vector<double>& values) {
    auto array = Napi::Float64Array::New(env, values.size());
    std::copy(values.begin(), values.end(), array.Data());
    return array;
}

Napi::Value scores_to_js(Napi::Env env, const ChunkScores& scores) {
    auto same_top = Napi::Uint8Array::New(env, scores.same_top.size());
    std::copy(scores.same_top.begin(), scores.same_top.end(), same_top.Data());
    auto value = Napi::Object::New(env);
    value.Set("chunk", static_cast<double>(scores.chunk));
    value.Set("logprobs", float64_array(env, scores.logprobs));
    value.Set("referenceLogprobs", float64_array(env, scores.reference_logprobs));
    value.Set("divergences", float64_array(env, scores.divergences));
    value.Set("sameTop", same_top);
    return value;
}

/// perplexity({model, reference?, tokens, chunkSize, firstChunk?, threads?, cancel?, onProgress?}) ->
/// Promise<undefined>; progress {chunk, logprobs, referenceLogprobs, divergences, sameTop} after each chunk
Napi::Value perplexity(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    auto options = std::make_shared<PerplexityOptions>();
    options->text = text_options(args);
    options->reference = args.string("reference", "");
    const auto first = static_cast<size_t>(args.integer("firstChunk", 0, INT32_MAX, 0));
    return start_job(info.Env(), info[0], [options, first](JobContext& context) -> ValueBuilder {
        Perplexity run(*options, context.cancel);
        for (size_t chunk = first; chunk < run.chunks(); ++chunk) {
            auto scores = std::make_shared<const ChunkScores>(run.score(chunk, context.cancel));
            context.report([scores](Napi::Env env) { return scores_to_js(env, *scores); });
        }
        return undefined_value;
    });
}

} // namespace

void register_measure(Napi::Env env, Napi::Object exports) {
    add_function<imatrix>(env, exports, "imatrix");
    add_function<perplexity>(env, exports, "perplexity");
}

} // namespace medilora
