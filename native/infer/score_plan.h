#pragma once

#include <cstddef>
#include <vector>

#include "llama.h"

namespace medilora {

struct ScoreRequest {
    std::vector<llama_token> context;                    ///< at least one token
    std::vector<std::vector<llama_token>> continuations; ///< at least one, each of at least one token
};

/// Throws ARGUMENT_INVALID, TOKEN_OUT_OF_RANGE or CONTEXT_EXCEEDED for the first request that cannot be run, naming it.
void check_score_requests(const std::vector<ScoreRequest>& requests, const llama_vocab* vocab, size_t sequence_limit);

/// The tokens that one continuation needs decoded: its context and itself but for its last token.
class ScorePath {
  public:
    ScorePath(const std::vector<ScoreRequest>& requests, size_t request, size_t continuation)
        : request(request), continuation(continuation), context_(&requests[request].context),
          continuation_(&requests[request].continuations[continuation]) {}

    size_t request, continuation; ///< indexes

    size_t size() const { return context_->size() + continuation_->size() - 1; }
    llama_token token(size_t i) const {
        return i < context_->size() ? (*context_)[i] : (*continuation_)[i - context_->size()];
    }
    /// The first position whose logits are read; all later ones are read too.
    size_t first_read() const { return context_->size() - 1; }
    /// The token of the continuation that the logits of position `i` speak of.
    llama_token target(size_t i) const { return (*continuation_)[i - first_read()]; }

  private:
    const std::vector<llama_token>* context_;
    const std::vector<llama_token>* continuation_;
};

/// One sequence of the cache: paths of which each begins the next one, so that decoding the last serves all.
struct Strand {
    size_t first_path, last_path; ///< indexes into ScorePlan::paths, both inclusive
    size_t size;                  ///< tokens
    size_t first_read;            ///< the first position that any of its paths reads
    size_t shared;                ///< tokens in common with the strand before it
};

/// Strands that are decoded together, [begin, end), and how many tokens of each the cache holds beforehand: what it
/// shares with the last strand of the wave before. These numbers never increase along the wave.
struct Wave {
    size_t begin, end;
    std::vector<size_t> cached;
};

/// The work of one run, put in the order of its tokens: neighbours have the longest prefixes in common, so that a
/// prefix is decoded once whether the choices of a question share it or the questions of a task do.
class ScorePlan {
  public:
    /// Without `share`, no token serves two strands. `requests` must be checked and outlive the plan.
    ScorePlan(const std::vector<ScoreRequest>& requests, bool share);

    const std::vector<ScorePath>& paths() const { return paths_; }
    const std::vector<Strand>& strands() const { return strands_; }

    /// The next wave from strand `begin` on: one strand at least, and as many as fit `sequences`, `cells` of the cache
    /// and `batch` new tokens.
    Wave wave(size_t begin, size_t sequences, size_t cells, size_t batch) const;

  private:
    std::vector<size_t> cached_tokens(size_t begin, size_t end) const;

    std::vector<ScorePath> paths_; ///< sorted by tokens
    std::vector<Strand> strands_;
};

} // namespace medilora
