#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "infer/batch.h"
#include "infer/model.h"
#include "infer/request.h"
#include "infer/score_plan.h"
#include "util/graph_threads.h"

namespace medilora {

struct ScoreResult;

struct EngineOptions {
    ModelOptions model;
    uint32_t context_size = 4096; ///< KV cells of all sequences together
    uint32_t sequences = 8;       ///< 1 to 256
    uint32_t batch_size = 1024;
    uint32_t micro_batch_size = 1024;
    int32_t threads = 1;
    ggml_type kv_type = GGML_TYPE_F16;
    llama_flash_attn_type flash_attention = LLAMA_FLASH_ATTN_TYPE_AUTO;
    /// Sees every node of the graph as it is computed (see ggml-backend.h); it must not throw.
    ggml_backend_sched_eval_callback on_node = nullptr;
    void* on_node_data = nullptr;
};

/// One context over one model: batched decoding of many sequences in one unified KV cache.
/// Used by one thread at a time.
class Engine {
  public:
    /// Throws what InferModel throws, ARGUMENT_INVALID, ARCHITECTURE_UNSUPPORTED or OUT_OF_MEMORY.
    Engine(const EngineOptions& options, const Cancel& cancel, const LoadProgress& progress);

    /// Answers every request (see generate.h) and calls on_result as each ends, on this thread.
    void generate(const std::vector<Request>& requests, bool share_prefix, const Cancel& cancel,
                  const std::function<void(Result&&)>& on_result);

    /// Scores every continuation of every request (see score.h) and calls on_result as each request ends, on this
    /// thread.
    void score(const std::vector<ScoreRequest>& requests, bool share_prefix, const Cancel& cancel,
               const std::function<void(ScoreResult&&)>& on_result);

    /// Logits of one sequence: [tokens, vocab]. Throws CONTEXT_EXCEEDED, TOKEN_OUT_OF_RANGE, ARGUMENT_INVALID, ABORTED.
    std::vector<float> logits(const std::vector<llama_token>& tokens, const Cancel& cancel);

    const EngineOptions& options() const { return options_; }
    const llama_vocab* vocab() const { return model_.vocab(); }
    /// Most tokens of one sequence: the cache's cells, and no position that the model was not trained for.
    size_t sequence_limit() const;

    // For the schedulers that drive the engine.

    llama_memory_t memory() const { return llama_get_memory(context_.get()); }
    /// False when the memory cannot drop the end of a sequence (recurrent models): then no prefix is shared.
    bool can_fall_back() const;
    Batch& batch() { return batch_; }
    /// Decodes the batch. Throws ABORTED, CONTEXT_EXCEEDED, OUT_OF_MEMORY or INTERNAL.
    void decode(const Cancel& cancel);
    /// Logits of a row of the last batch: [vocab].
    const float* row(int32_t row) const { return llama_get_logits_ith(context_.get(), row); }
    llama_context* context() const { return context_.get(); }

  private:
    struct Freed {
        void operator()(llama_context* context) const { llama_free(context); }
    };

    EngineOptions options_;
    InferModel model_;
    GraphThreads threads_;
    std::unique_ptr<llama_context, Freed> context_;
    Batch batch_;
};

} // namespace medilora
