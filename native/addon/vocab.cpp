#include <optional>

#include "addon/args.h"
#include "addon/handle.h"
#include "addon/module.h"
#include "infer/model.h"
#include "infer/vocab.h"

namespace medilora {

namespace {

struct VocabObject {
    static const napi_type_tag tag;
    InferModel model;
};

const napi_type_tag VocabObject::tag = {0x6d65646976303031, 0x9d1c53f0a2be4471};

using VocabHandle = Handle<VocabObject>;

std::string text_argument(const Napi::Value& value) {
    if (!value.IsString()) throw Error("ARGUMENT_INVALID", "The text must be a string.");
    return value.As<Napi::String>().Utf8Value();
}

/// vocabOpen(path) -> Promise<handle>
Napi::Value vocab_open(const Napi::CallbackInfo& info) {
    ModelOptions options;
    options.path = text_argument(info[0]);
    if (options.path.find('\0') != std::string::npos)
        throw Error("ARGUMENT_INVALID", "The path holds a NUL character.");
    options.vocab_only = true;
    return start_job(info.Env(), info.Env().Undefined(), [options](JobContext& job) -> ValueBuilder {
        auto vocab = std::shared_ptr<VocabObject>(new VocabObject{InferModel(options, job.cancel, nullptr)});
        return [vocab](Napi::Env env) { return VocabHandle::wrap(env, vocab); };
    });
}

Napi::Value or_null(Napi::Env env, const std::optional<llama_token>& token) {
    if (!token) return env.Null();
    return Napi::Number::New(env, *token);
}

/// vocabInfo(handle) -> {size, bos, eos, eot, addBos, addEos, chatTemplate, type}
Napi::Value vocab_info_of(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto vocab = VocabHandle::get(info[0]);
    const VocabInfo facts = vocab_info(vocab->model.vocab());
    const char* chat_template = llama_model_chat_template(vocab->model.get(), nullptr);
    auto result = Napi::Object::New(env);
    result.Set("size", facts.size);
    result.Set("bos", or_null(env, facts.bos));
    result.Set("eos", or_null(env, facts.eos));
    result.Set("eot", or_null(env, facts.eot));
    result.Set("addBos", facts.add_bos);
    result.Set("addEos", facts.add_eos);
    result.Set("chatTemplate", chat_template == nullptr ? env.Null() : Napi::String::New(env, chat_template));
    result.Set("type", facts.type);
    return result;
}

/// vocabTokenize(handle, text, {addSpecial, parseSpecial}) -> Int32Array
Napi::Value vocab_tokenize(const Napi::CallbackInfo& info) {
    const auto vocab = VocabHandle::get(info[0]);
    const Args options(info[2]);
    return to_int32_array(info.Env(),
                          tokenize(vocab->model.vocab(), text_argument(info[1]), options.boolean("addSpecial", false),
                                   options.boolean("parseSpecial", false)));
}

/// vocabTokenizeLong(handle, text) -> Promise<Int32Array>: of plain text without special tokens, on a thread of its own
Napi::Value vocab_tokenize_long(const Napi::CallbackInfo& info) {
    const auto vocab = VocabHandle::get(info[0]);
    auto text = std::make_shared<const std::string>(text_argument(info[1]));
    return start_job(info.Env(), info.Env().Undefined(), [vocab, text](JobContext&) -> ValueBuilder {
        auto tokens =
            std::make_shared<const std::vector<llama_token>>(tokenize(vocab->model.vocab(), *text, false, false));
        return [tokens](Napi::Env env) { return to_int32_array(env, *tokens); };
    });
}

/// vocabDetokenize(handle, tokens, {special}) -> string
Napi::Value vocab_detokenize(const Napi::CallbackInfo& info) {
    const auto vocab = VocabHandle::get(info[0]);
    auto holder = Napi::Object::New(info.Env());
    holder.Set("tokens", info[1]);
    return Napi::String::New(info.Env(), detokenize(vocab->model.vocab(), Args(holder).ints("tokens"),
                                                    Args(info[2]).boolean("special", false)));
}

/// vocabPiece(handle, token) -> string
Napi::Value vocab_piece(const Napi::CallbackInfo& info) {
    const auto vocab = VocabHandle::get(info[0]);
    auto holder = Napi::Object::New(info.Env());
    holder.Set("token", info[1]);
    const auto token = static_cast<llama_token>(Args(holder).integer("token", INT32_MIN, INT32_MAX));
    check_tokens(vocab->model.vocab(), {token}, "Piece");
    return Napi::String::New(info.Env(), piece(vocab->model.vocab(), token, true));
}

/// vocabDispose(handle)
Napi::Value vocab_dispose(const Napi::CallbackInfo& info) {
    VocabHandle::dispose(info[0]);
    return info.Env().Undefined();
}

} // namespace

void register_vocab(Napi::Env env, Napi::Object exports) {
    add_function<vocab_open>(env, exports, "vocabOpen");
    add_function<vocab_info_of>(env, exports, "vocabInfo");
    add_function<vocab_tokenize>(env, exports, "vocabTokenize");
    add_function<vocab_tokenize_long>(env, exports, "vocabTokenizeLong");
    add_function<vocab_detokenize>(env, exports, "vocabDetokenize");
    add_function<vocab_piece>(env, exports, "vocabPiece");
    add_function<vocab_dispose>(env, exports, "vocabDispose");
}

} // namespace medilora
