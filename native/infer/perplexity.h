#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infer/chunks.h"
#include "util/thread_pool.h"

namespace medilora {

/// What the models say of the scored tokens of one chunk: [tokens] each, the last three empty without a reference.
struct ChunkScores {
    size_t chunk = 0;
    std::vector<double> logprobs;           ///< ln p(token | the chunk's tokens before it)
    std::vector<double> reference_logprobs; ///< the same of the reference
    std::vector<double> divergences;        ///< KL(reference || model) over the whole vocabulary, in nats
    std::vector<uint8_t> same_top;          ///< 1 where both models' likeliest token is the same
};

struct PerplexityOptions {
    ChunkedText text;
    std::string reference; ///< path of the model to compare with; empty for none
};

/// Scores a text by a model, and against a reference, both in memory. The second half of each chunk is scored, so that
/// every scored token has at least half a chunk before it: positions size / 2 + 1 to the end.
class Perplexity {
  public:
    /// Throws what Engine and Chunks throw; ARGUMENT_INVALID for models of different vocabularies.
    Perplexity(const PerplexityOptions& options, const Cancel& cancel);

    size_t chunks() const { return chunks_->count(); }
    /// Throws as Engine::decode, and MODEL_INVALID for logits that are not finite.
    ChunkScores score(size_t chunk, const Cancel& cancel);

  private:
    void score_rows(size_t chunk, size_t begin, size_t end, size_t first, ChunkScores& scores);
    void score_row(const float* logits, const float* reference, llama_token token, size_t i, ChunkScores& scores) const;

    PerplexityOptions options_;
    Engine model_;
    std::unique_ptr<Engine> reference_; ///< null for none
    std::unique_ptr<Chunks> chunks_;
    ThreadPool threads_;
};

} // namespace medilora
