#include <atomic>

#include "addon/args.h"
#include "addon/common.h"
#include "addon/handle.h"
#include "addon/module.h"
#include "infer/embed.h"

namespace medilora {

namespace {

struct EmbedderObject {
    static const napi_type_tag tag;

    EmbedderObject(const EmbedOptions& options, const Cancel& cancel, const LoadProgress& progress)
        : embedder(options, cancel, progress) {}

    Embedder embedder;
    std::atomic<bool> busy{false};
};

const napi_type_tag EmbedderObject::tag = {0x6d65646962303031, 0x27e1a5c40b93d86f};

using EmbedderHandle = Handle<EmbedderObject>;

/// embedderOpen({model, adapters, contextSize, threads, cancel, onProgress}) -> Promise<handle>
Napi::Value embedder_open(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    EmbedOptions options;
    options.model.path = args.string("model");
    each(args, "adapters", [&](const Args& adapter) {
        options.model.adapters.push_back({adapter.string("path"), static_cast<float>(adapter.number("scale", 1))});
    });
    options.context_size = static_cast<uint32_t>(args.integer("contextSize", 1, 1 << 20, options.context_size));
    options.threads = threads_option(args);
    return start_job(info.Env(), info[0], [options](JobContext& job) -> ValueBuilder {
        auto embedder = std::make_shared<EmbedderObject>(options, job.cancel, nullptr);
        return [embedder](Napi::Env env) { return EmbedderHandle::wrap(env, embedder); };
    });
}

/// embedderInfo(handle) -> {width, sequenceLimit}
Napi::Value embedder_info(const Napi::CallbackInfo& info) {
    const auto object = EmbedderHandle::get(info[0]);
    auto result = Napi::Object::New(info.Env());
    result.Set("width", static_cast<double>(object->embedder.width()));
    result.Set("sequenceLimit", static_cast<double>(object->embedder.sequence_limit()));
    return result;
}

/// One list of tokens a text, from all tokens behind each other and the texts' lengths.
std::vector<std::vector<int32_t>> split_texts(const std::vector<int32_t>& tokens, const std::vector<int32_t>& lengths) {
    std::vector<std::vector<int32_t>> texts;
    size_t at = 0;
    for (const int32_t length : lengths) {
        if (length < 0 || static_cast<size_t>(length) > tokens.size() - at)
            throw Error("ARGUMENT_INVALID", "Option `lengths` must add up to the number of tokens.");
        texts.emplace_back(tokens.begin() + at, tokens.begin() + at + length);
        at += length;
    }
    if (at != tokens.size()) throw Error("ARGUMENT_INVALID", "Option `lengths` must add up to the number of tokens.");
    return texts;
}

/// embedderEmbed(handle, {tokens, lengths, truncate, cancel, onProgress}) -> Promise<undefined>;
/// progress {type: "embedding", index, values, truncated} for each text
Napi::Value embedder_embed(const Napi::CallbackInfo& info) {
    const Args args(info[1]);
    const auto texts = split_texts(args.ints("tokens"), args.ints("lengths"));
    const bool truncate = args.boolean("truncate", false);
    const auto object = EmbedderHandle::get(info[0]);
    if (object->busy.exchange(true))
        throw Error("BUSY", "This embedder runs another call. Await it first, or open a second one.");
    // Lets go of the embedder when the job drops its work, before the promise settles.
    const std::shared_ptr<EmbedderObject> occupied(object.get(),
                                                   [object](EmbedderObject* one) { one->busy.store(false); });
    return start_job(info.Env(), info[1], [occupied, texts, truncate](JobContext& job) -> ValueBuilder {
        occupied->embedder.embed(texts, truncate, job.cancel, [&job](Embedding&& embedding) {
            auto shared = std::make_shared<const Embedding>(std::move(embedding));
            job.report([shared](Napi::Env env) -> Napi::Value {
                auto value = Napi::Object::New(env);
                value.Set("type", "embedding");
                value.Set("index", static_cast<double>(shared->index));
                value.Set("values", to_float32_array(env, shared->values));
                value.Set("truncated", shared->truncated);
                return value;
            });
        });
        return undefined_value;
    });
}

/// embedderDispose(handle): a running call keeps the embedder until it ends.
Napi::Value embedder_dispose(const Napi::CallbackInfo& info) {
    EmbedderHandle::dispose(info[0]);
    return info.Env().Undefined();
}

} // namespace

void register_embedder(Napi::Env env, Napi::Object exports) {
    add_function<embedder_open>(env, exports, "embedderOpen");
    add_function<embedder_info>(env, exports, "embedderInfo");
    add_function<embedder_embed>(env, exports, "embedderEmbed");
    add_function<embedder_dispose>(env, exports, "embedderDispose");
}

} // namespace medilora
