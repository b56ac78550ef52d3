#include "infer/score.h"

#include <algorithm>
#include <string>

#include "infer/logprob.h"
#include "util/error.h"

namespace medilora {

namespace {

constexpr size_t kLogitBytes = size_t{64} << 20;

size_t row_limit(const Engine& engine) {
    const size_t row_bytes = sizeof(float) * static_cast<size_t>(llama_vocab_n_tokens(engine.vocab()));
    return std::max<size_t>(1, kLogitBytes / row_bytes);
}

} // namespace

Scoring::Scoring(Engine& engine, const std::vector<ScoreRequest>& requests, bool share_prefix, const Cancel& cancel,
                 const std::function<void(ScoreResult&&)>& on_result)
    : engine_(engine), cancel_(cancel), on_result_(on_result), plan_(requests, share_prefix),
      threads_(engine.options().threads), most_rows_(row_limit(engine)), results_(requests.size()),
      open_(requests.size()) {
    for (size_t i = 0; i < requests.size(); ++i) {
        results_[i].index = i;
        results_[i].scores.resize(requests[i].continuations.size());
        for (const auto& continuation : requests[i].continuations) open_[i] += continuation.size();
    }
}

void Scoring::run() {
    llama_memory_clear(engine_.memory(), false);
    const EngineOptions& options = engine_.options();
    // A wave of one micro-batch: attention runs over every cell in use, also those of other strands.
    for (size_t begin = 0; begin < plan_.strands().size();) {
        const Wave wave = plan_.wave(begin, options.sequences, options.context_size, options.micro_batch_size);
        run_wave(wave);
        begin = wave.end;
    }
}

/// Strand after strand, each from where it leaves its predecessor: the tokens of a sequence come in their order.
void Scoring::run_wave(const Wave& wave) {
    prepare_memory(wave);
    engine_.batch().clear();
    const std::vector<Strand>& strands = plan_.strands();
    for (size_t i = wave.begin; i < wave.end; ++i) {
        const size_t begun = i == wave.begin ? 0 : strands[i].shared;
        size_t last = wave.end - 1;
        for (size_t p = std::max(begun, wave.cached[i - wave.begin]); p < strands[i].size; ++p) {
            // Sharing ends where the first of the strands behind takes another token.
            size_t same = i;
            while (same < last && strands[same + 1].shared > p) ++same;
            last = same;
            add_token(i, last, p, wave.begin);
            if (engine_.batch().full() || rows_.size() >= most_rows_) flush();
        }
    }
    flush();
    trunk_ = wave.end - wave.begin - 1;
}

void Scoring::prepare_memory(const Wave& wave) {
    llama_memory_t memory = engine_.memory();
    if (wave.cached.front() == 0) return llama_memory_clear(memory, false);
    const auto trunk = static_cast<llama_seq_id>(trunk_);
    llama_memory_seq_keep(memory, trunk);
    if (trunk != 0) {
        llama_memory_seq_cp(memory, trunk, 0, -1, -1);
        llama_memory_seq_keep(memory, 0);
    }
    llama_memory_seq_rm(memory, 0, static_cast<llama_pos>(wave.cached.front()), -1);
    for (size_t i = 1; i < wave.cached.size() && wave.cached[i] > 0; ++i)
        llama_memory_seq_cp(memory, 0, static_cast<llama_seq_id>(i), 0, static_cast<llama_pos>(wave.cached[i]));
}

/// Adds a token that strands [strand, last] share, and notes what is read behind it.
void Scoring::add_token(size_t strand, size_t last, size_t position, size_t wave_begin) {
    const std::vector<ScorePath>& paths = plan_.paths();
    const size_t first_read = reads_.size();
    for (size_t i = strand; i <= last; ++i) {
        const Strand& one = plan_.strands()[i];
        if (position < one.first_read) continue;
        for (size_t path = one.first_path; path <= one.last_path; ++path)
            if (position >= paths[path].first_read() && position < paths[path].size())
                reads_.push_back({path, paths[path].target(position)});
    }
    const size_t reads = reads_.size() - first_read;
    const llama_token token = paths[plan_.strands()[strand].last_path].token(position);
    const int32_t row = engine_.batch().add(token, static_cast<llama_pos>(position),
                                            static_cast<llama_seq_id>(strand - wave_begin), reads > 0);
    engine_.batch().share(row, static_cast<int32_t>(last - strand));
    if (reads > 0) rows_.push_back({row, first_read, reads});
}

void Scoring::flush() {
    if (engine_.batch().size() == 0) return;
    engine_.decode(cancel_);
    // llama.cpp puts its rows in order when first asked for one: not from several threads.
    for (Row& row : rows_) row.logits = engine_.row(row.row);
    threads_.run(static_cast<int64_t>(rows_.size()), [&](int64_t i, int) { score_row(rows_[i]); });
    add_up();
    rows_.clear();
    reads_.clear();
    engine_.batch().clear();
}

void Scoring::score_row(const Row& row) {
    const int32_t size = llama_vocab_n_tokens(engine_.vocab());
    const double total = log_sum_exp(row.logits, size);
    if (!std::isfinite(total))
        throw Error("MODEL_INVALID", "Request " + std::to_string(plan_.paths()[reads_[row.first_read].path].request) +
                                         ": the model's logits are not finite. The model or adapter is damaged.");
    const llama_token likeliest =
        static_cast<llama_token>(std::max_element(row.logits, row.logits + size) - row.logits);
    for (size_t i = row.first_read; i < row.first_read + row.reads; ++i) {
        Read& read = reads_[i];
        read.logprob = row.logits[read.target] - total;
        read.is_greedy = read.target == likeliest;
    }
}

/// On one thread, in the order of the positions: the sums do not depend on the number of threads.
void Scoring::add_up() {
    for (const Read& read : reads_) {
        const ScorePath& path = plan_.paths()[read.path];
        ContinuationScore& score = results_[path.request].scores[path.continuation];
        score.logprob += read.logprob;
        score.is_greedy = score.is_greedy && read.is_greedy;
        if (--open_[path.request] == 0) on_result_(std::move(results_[path.request]));
    }
}

} // namespace medilora
