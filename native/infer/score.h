#pragma once

#include <functional>
#include <vector>

#include "infer/engine.h"
#include "infer/score_plan.h"
#include "util/thread_pool.h"

namespace medilora {

struct ContinuationScore {
    double logprob = 0;    ///< sum over the continuation's tokens of ln p(token | all before it)
    bool is_greedy = true; ///< each of its tokens is the likeliest one; of equals, the one with the lowest id
};

struct ScoreResult {
    size_t index = 0;                      ///< of the request
    std::vector<ContinuationScore> scores; ///< [continuations]
};

/// One run of log-likelihood scoring: wave after wave of strands (score_plan.h), one sequence a strand; a token that
/// several strands share is one cell that belongs to all their sequences.
class Scoring {
  public:
    Scoring(Engine& engine, const std::vector<ScoreRequest>& requests, bool share_prefix, const Cancel& cancel,
            const std::function<void(ScoreResult&&)>& on_result);

    void run();

  private:
    /// A row of logits that is wanted, and what is read from it.
    struct Row {
        int32_t row;
        size_t first_read, reads; ///< into reads_
        const float* logits = nullptr;
    };
    struct Read {
        size_t path;
        llama_token target;
        double logprob = 0;
        bool is_greedy = false;
    };

    void run_wave(const Wave& wave);
    void prepare_memory(const Wave& wave);
    void add_token(size_t strand, size_t last, size_t position, size_t wave_begin);
    void flush();
    void score_row(const Row& row);
    void add_up();

    Engine& engine_;
    const Cancel& cancel_;
    const std::function<void(ScoreResult&&)>& on_result_;
    ScorePlan plan_;
    ThreadPool threads_;
    size_t most_rows_; ///< logits of one decode call are kept within some tens of megabytes
    size_t trunk_ = 0; ///< the sequence that holds the last strand of the wave before
    std::vector<Row> rows_;
    std::vector<Read> reads_;
    std::vector<ScoreResult> results_;
    std::vector<size_t> open_; ///< tokens of each request that have no score yet
};

} // namespace medilora
