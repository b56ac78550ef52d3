#include "infer/engine.h"

#include <algorithm>

#include "gemm/choose.h"
#include "gemm/ggml_backend.h"
#include "infer/generate.h"
#include "infer/score.h"
#include "infer/vocab.h"
#include "util/error.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

EngineOptions checked(EngineOptions options) {
    if (options.micro_batch_size > options.batch_size)
        throw Error("ARGUMENT_INVALID", "microBatchSize must not be larger than batchSize.");
    if (options.sequences > llama_max_parallel_sequences())
        throw Error("ARGUMENT_INVALID",
                    "sequences must not be larger than " + std::to_string(llama_max_parallel_sequences()) + ".");
    if (options.kv_type == GGML_TYPE_F32 && options.flash_attention == LLAMA_FLASH_ATTN_TYPE_ENABLED)
        throw Error("ARGUMENT_INVALID", "An f32 cache needs flashAttention off or auto: llama.cpp's is f16.");
    return options;
}

/// Whether GraphCompute computes the model's graphs: it cannot read repacked weights.
bool graphs_are_ours(const InferModel& model) {
    return !model.repacked() && gemm_backend_wanted();
}

/// Left to itself libllama takes flash attention only from the device that holds the layers; ours comes from another
/// one. llama.cpp's own would round an f32 cache to f16 on every read.
llama_flash_attn_type flash_attention(const InferModel& model, const EngineOptions& options) {
    if (options.flash_attention != LLAMA_FLASH_ATTN_TYPE_AUTO) return options.flash_attention;
    if (graphs_are_ours(model)) return LLAMA_FLASH_ATTN_TYPE_ENABLED;
    return options.kv_type == GGML_TYPE_F32 ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
}

llama_context_params context_params(const InferModel& model, const EngineOptions& options) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = options.context_size;
    params.n_batch = options.batch_size;
    params.n_ubatch = options.micro_batch_size;
    params.n_seq_max = options.sequences;
    params.n_threads = options.threads;
    params.n_threads_batch = options.threads;
    params.flash_attn_type = flash_attention(model, options);
    params.type_k = options.kv_type;
    params.type_v = options.kv_type;
    // Sharing a prefix costs no copy in a unified cache, and needs the whole prefix kept under sliding windows.
    params.kv_unified = true;
    params.swa_full = true;
    params.offload_kqv = options.model.gpu_layers != 0;
    params.no_perf = true;
    params.cb_eval = options.on_node;
    params.cb_eval_user_data = options.on_node_data;
    return params;
}

llama_context* open_context(const InferModel& model, const EngineOptions& options) {
    if (!llama_model_has_decoder(model.get()) || llama_model_has_encoder(model.get()))
        throw Error("ARCHITECTURE_UNSUPPORTED", options.model.path + " does not generate text from a prompt alone. "
                                                                     "Use a decoder-only model.");
    LogErrors errors;
    const GemmScope gemm(graphs_are_ours(model));
    llama_context* context = llama_init_from_model(model.get(), context_params(model, options));
    if (context == nullptr)
        throw Error("OUT_OF_MEMORY", "No context of " + std::to_string(options.context_size) +
                                         " cells could be made (" + errors.text() +
                                         "). Use a smaller contextSize or batchSize.");
    return context;
}

/// Lets a cancel stop llama.cpp between two nodes of its graph, for as long as this object lives.
class AbortScope {
  public:
    AbortScope(llama_context* context, const Cancel& cancel) : context_(context) {
        llama_set_abort_callback(context, requested, const_cast<Cancel*>(&cancel));
    }
    ~AbortScope() { llama_set_abort_callback(context_, nullptr, nullptr); }
    AbortScope(const AbortScope&) = delete;
    AbortScope& operator=(const AbortScope&) = delete;

  private:
    static bool requested(void* cancel) { return static_cast<const Cancel*>(cancel)->requested(); }

    llama_context* context_;
};

} // namespace

Engine::Engine(const EngineOptions& options, const Cancel& cancel, const LoadProgress& progress)
    : options_(checked(options)), model_(options_.model, cancel, progress),
      threads_(options_.threads, GraphThreads::Idle::spin), context_(open_context(model_, options_)),
      batch_(static_cast<int32_t>(llama_n_batch(context_.get())), static_cast<int32_t>(options_.sequences)) {
    if (memory() == nullptr)
        throw Error("ARCHITECTURE_UNSUPPORTED", options_.model.path + " has no KV cache. Use a decoder-only model.");
    threads_.attach(context_.get());
    model_.apply_adapters(context_.get());
}

size_t Engine::sequence_limit() const {
    const int32_t trained = llama_model_n_ctx_train(model_.get());
    return trained > 0 ? std::min<size_t>(options_.context_size, trained) : options_.context_size;
}

bool Engine::can_fall_back() const {
    return !llama_model_is_recurrent(model_.get()) && !llama_model_is_hybrid(model_.get());
}

void Engine::decode(const Cancel& cancel) {
    cancel.check();
    LogErrors errors;
    const AbortScope scope(context_.get(), cancel);
    switch (llama_decode(context_.get(), batch_.get())) {
    case 0:
        // The abort callback may be asked until the graph has ended.
        return llama_synchronize(context_.get());
    case 1:
        throw Error("CONTEXT_EXCEEDED", "The KV cache is full. Use a larger contextSize or fewer sequences.");
    case 2:
        throw Error("ABORTED",
                    "Stopped on request. Run the same call again: what is stored already is not done again.");
    case -2:
        throw Error("OUT_OF_MEMORY", "Not enough memory for a batch (" + errors.text() +
                                         "). Use a smaller batchSize, microBatchSize or contextSize.");
    default:
        throw Error("INTERNAL", "llama.cpp could not decode a batch (" + errors.text() + ").");
    }
}

void Engine::generate(const std::vector<Request>& requests, bool share_prefix, const Cancel& cancel,
                      const std::function<void(Result&&)>& on_result) {
    check_requests(requests, vocab(), sequence_limit());
    if (!requests.empty()) Generation(*this, requests, share_prefix && can_fall_back(), cancel, on_result).run();
}

void Engine::score(const std::vector<ScoreRequest>& requests, bool share_prefix, const Cancel& cancel,
                   const std::function<void(ScoreResult&&)>& on_result) {
    check_score_requests(requests, vocab(), sequence_limit());
    if (!requests.empty()) Scoring(*this, requests, share_prefix && can_fall_back(), cancel, on_result).run();
}

std::vector<float> Engine::logits(const std::vector<llama_token>& tokens, const Cancel& cancel) {
    if (tokens.empty()) throw Error("ARGUMENT_INVALID", "Logits need at least one token.");
    if (tokens.size() > sequence_limit())
        throw Error("CONTEXT_EXCEEDED", std::to_string(tokens.size()) + " tokens do not fit a sequence of " +
                                            std::to_string(sequence_limit()) + ". Use a larger contextSize.");
    check_tokens(vocab(), tokens, "Logits");
    const size_t vocab_size = llama_vocab_n_tokens(vocab());
    std::vector<float> out(tokens.size() * vocab_size);
    llama_memory_clear(memory(), false);
    for (size_t done = 0; done < tokens.size();) {
        batch_.clear();
        for (size_t i = done; i < tokens.size() && !batch_.full(); ++i)
            batch_.add(tokens[i], static_cast<llama_pos>(i), 0, true);
        decode(cancel);
        for (int32_t i = 0; i < batch_.size(); ++i, ++done)
            std::copy_n(row(i), vocab_size, out.begin() + done * vocab_size);
    }
    return out;
}

} // namespace medilora
