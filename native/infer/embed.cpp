#include "infer/embed.h"

#include <algorithm>
#include <cmath>

#include "gemm/ggml_backend.h"
#include "infer/vocab.h"
#include "util/error.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

/// Tokens of several texts in one graph. More gains little, and attention runs over all pairs of them.
constexpr size_t kBatchTokens = 512;
constexpr uint32_t kBatchTexts = 64;
/// llama.cpp pads a context to this; a graph that is no multiple of its sequences ends the process.
constexpr uint32_t kContextStep = 256;
static_assert(kContextStep % kBatchTexts == 0 && kBatchTokens % kContextStep == 0);

EmbedOptions for_embedding(EmbedOptions options) {
    options.model.embedding_only = true;
    return options;
}

void check_architecture(const llama_model* model, const std::string& path) {
    if (llama_model_has_encoder(model) || llama_model_is_recurrent(model) || llama_model_is_hybrid(model))
        throw Error("ARCHITECTURE_UNSUPPORTED",
                    path + " is an encoder-decoder or a recurrent model, which give no embeddings here. Use an "
                           "embedding model (bert, nomic-bert) or a decoder-only one.");
}

/// What the model's file says; llama.cpp ends the process on a number that it does not know.
enum llama_pooling_type pooling_of(const llama_model* model, const std::string& path) {
    check_architecture(model, path);
    char architecture[128] = "", value[32] = "";
    llama_model_meta_val_str(model, "general.architecture", architecture, sizeof architecture);
    const std::string key = std::string(architecture) + ".pooling_type";
    if (llama_model_meta_val_str(model, key.c_str(), value, sizeof value) < 0) return LLAMA_POOLING_TYPE_MEAN;
    const std::string name = value;
    if (name == "0" || name == "1") return LLAMA_POOLING_TYPE_MEAN;
    if (name == "2") return LLAMA_POOLING_TYPE_CLS;
    if (name == "3") return LLAMA_POOLING_TYPE_LAST;
    if (name == "4") throw Error("ARCHITECTURE_UNSUPPORTED", path + " ranks pairs of texts. Use an embedding model.");
    throw Error("MODEL_INVALID", path + ": the metadata key " + key + " is none of 0 to 4. Convert the model again.");
}

llama_context* open_context(const InferModel& model, const EmbedOptions& options, enum llama_pooling_type pooling) {
    llama_context_params params = llama_context_default_params();
    const int32_t trained = llama_model_n_ctx_train(model.get());
    const uint32_t wanted =
        trained > 0 ? std::min(options.context_size, static_cast<uint32_t>(trained)) : options.context_size;
    const uint32_t steps = (wanted + kContextStep - 1) / kContextStep;
    params.n_ctx = std::max<uint32_t>(steps * kContextStep, kBatchTokens);
    // A pooled text must lie within one graph.
    params.n_batch = params.n_ubatch = params.n_ctx;
    params.n_seq_max = kBatchTexts;
    params.n_threads = params.n_threads_batch = options.threads;
    params.embeddings = true;
    params.pooling_type = pooling;
    params.kv_unified = true;
    params.swa_full = true;
    params.offload_kqv = options.model.gpu_layers != 0;
    params.no_perf = true;
    LogErrors errors;
    const GemmScope gemm(!model.repacked());
    llama_context* context = llama_init_from_model(model.get(), params);
    if (context == nullptr)
        throw Error("OUT_OF_MEMORY", "No context of " + std::to_string(params.n_ctx) + " tokens could be made (" +
                                         errors.text() + "). Use a smaller contextSize.");
    return context;
}

bool requested(void* cancel) {
    return static_cast<const Cancel*>(cancel)->requested();
}

} // namespace

Embedder::Embedder(const EmbedOptions& options, const Cancel& cancel, const LoadProgress& progress)
    : options_(for_embedding(options)), model_(options_.model, cancel, progress),
      pooling_(pooling_of(model_.get(), options_.model.path)), threads_(options.threads, GraphThreads::Idle::spin),
      context_(open_context(model_, options_, pooling_)),
      batch_(static_cast<int32_t>(llama_n_ubatch(context_.get())), 1) {
    threads_.attach(context_.get());
    model_.apply_adapters(context_.get());
}

size_t Embedder::sequence_limit() const {
    const size_t most = std::min<size_t>(options_.context_size, llama_n_ubatch(context_.get()));
    const int32_t trained = llama_model_n_ctx_train(model_.get());
    return trained > 0 ? std::min<size_t>(most, trained) : most;
}

void Embedder::check(const std::vector<std::vector<llama_token>>& texts, bool truncate) const {
    for (size_t i = 0; i < texts.size(); ++i) {
        const std::string name = "Text " + std::to_string(i);
        if (texts[i].empty()) throw Error("ARGUMENT_INVALID", name + " has no tokens. Leave it out.");
        check_tokens(vocab(), texts[i], name);
        if (!truncate && texts[i].size() > sequence_limit())
            throw Error("CONTEXT_EXCEEDED", name + " has " + std::to_string(texts[i].size()) +
                                                " tokens, but the model takes " + std::to_string(sequence_limit()) +
                                                ". Set truncate, or use a larger contextSize or model context.");
    }
}

/// Text after text into a batch, in their order, so that a text's batch depends only on those before and beside it.
void Embedder::embed(const std::vector<std::vector<llama_token>>& texts, bool truncate, const Cancel& cancel,
                     const std::function<void(Embedding&&)>& on_result) {
    check(texts, truncate);
    const size_t limit = sequence_limit();
    for (size_t begin = 0; begin < texts.size();) {
        batch_.clear();
        size_t end = begin;
        for (; end < texts.size() && end - begin < kBatchTexts; ++end) {
            const size_t length = std::min(texts[end].size(), limit);
            if (end > begin && batch_.size() + length > kBatchTokens) break;
            for (size_t p = 0; p < length; ++p)
                batch_.add(texts[end][p], static_cast<llama_pos>(p), static_cast<llama_seq_id>(end - begin), true);
        }
        compute(cancel);
        for (size_t i = begin; i < end; ++i)
            on_result({i, vector_of(static_cast<llama_seq_id>(i - begin)), texts[i].size() > limit});
        begin = end;
    }
}

/// A model without a cache is encoded by the same call.
void Embedder::compute(const Cancel& cancel) {
    cancel.check();
    LogErrors errors;
    if (llama_get_memory(context_.get()) != nullptr) llama_memory_clear(llama_get_memory(context_.get()), false);
    llama_set_abort_callback(context_.get(), requested, const_cast<Cancel*>(&cancel));
    const int status = llama_decode(context_.get(), batch_.get());
    llama_synchronize(context_.get());
    llama_set_abort_callback(context_.get(), nullptr, nullptr);
    if (status == 0) return;
    cancel.check();
    if (status == -2)
        throw Error("OUT_OF_MEMORY",
                    "Not enough memory for a batch (" + errors.text() + "). Use a smaller contextSize.");
    throw Error("INTERNAL", "llama.cpp could not compute the embeddings (" + errors.text() + ").");
}

std::vector<float> Embedder::vector_of(llama_seq_id sequence) const {
    const float* pooled = llama_get_embeddings_seq(context_.get(), sequence);
    if (pooled == nullptr) throw Error("INTERNAL", "llama.cpp gave no embedding of a text.");
    std::vector<float> values(pooled, pooled + width());
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * value;
    const double norm = std::sqrt(squares);
    if (!std::isfinite(norm) || norm == 0)
        throw Error("MODEL_INVALID",
                    options_.model.path + ": an embedding is zero or not finite. The model or adapter is damaged.");
    for (float& value : values) value = static_cast<float>(value / norm);
    return values;
}

} // namespace medilora
