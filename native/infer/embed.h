#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "infer/batch.h"
#include "infer/model.h"
#include "util/graph_threads.h"

namespace medilora {

struct EmbedOptions {
    ModelOptions model;
    uint32_t context_size = 512; ///< most tokens of one text
    int32_t threads = 1;
};

struct Embedding {
    size_t index = 0;          ///< of the text
    std::vector<float> values; ///< [width], of length 1
    bool truncated = false;    ///< the text's end did not fit
};

/// One vector for each text: of an embedding model by the pooling that its file names (mean, first or last token), of
/// any other decoder by the mean of the last hidden states, behind the final norm. Several texts share a batch.
/// Used by one thread at a time.
class Embedder {
  public:
    /// Throws what InferModel throws, ARCHITECTURE_UNSUPPORTED (encoder-decoders, recurrent models, rerankers) or
    /// OUT_OF_MEMORY.
    Embedder(const EmbedOptions& options, const Cancel& cancel, const LoadProgress& progress);

    /// Calls on_result for each text, batch after batch, on this thread. A text that is longer than sequence_limit()
    /// loses its end where `truncate` is set, else it is a CONTEXT_EXCEEDED before anything is computed.
    /// Throws ARGUMENT_INVALID or TOKEN_OUT_OF_RANGE naming the text; MODEL_INVALID, OUT_OF_MEMORY, ABORTED.
    void embed(const std::vector<std::vector<llama_token>>& texts, bool truncate, const Cancel& cancel,
               const std::function<void(Embedding&&)>& on_result);

    const EmbedOptions& options() const { return options_; }
    const llama_vocab* vocab() const { return model_.vocab(); }
    size_t width() const { return static_cast<size_t>(llama_model_n_embd_out(model_.get())); }
    /// Most tokens of one text: the context, and no position that the model was not trained for.
    size_t sequence_limit() const;

  private:
    struct Freed {
        void operator()(llama_context* context) const { llama_free(context); }
    };

    void check(const std::vector<std::vector<llama_token>>& texts, bool truncate) const;
    void compute(const Cancel& cancel);
    std::vector<float> vector_of(llama_seq_id sequence) const;

    EmbedOptions options_;
    InferModel model_;
    enum llama_pooling_type pooling_;
    GraphThreads threads_;
    std::unique_ptr<llama_context, Freed> context_;
    Batch batch_;
};

} // namespace medilora
