#include "infer/perplexity.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "infer/logprob.h"
#include "infer/vocab.h"
#include "util/error.h"

namespace medilora {

namespace {

bool same_vocabulary(const llama_vocab* a, const llama_vocab* b) {
    const VocabInfo info = vocab_info(a), other = vocab_info(b);
    if (info.size != other.size || info.add_bos != other.add_bos || info.bos != other.bos) return false;
    for (llama_token token = 0; token < info.size; ++token)
        if (std::strcmp(llama_vocab_get_text(a, token), llama_vocab_get_text(b, token)) != 0) return false;
    return true;
}

/// Of equals, the one with the lowest id.
llama_token likeliest(const float* logits, int32_t size) {
    return static_cast<llama_token>(std::max_element(logits, logits + size) - logits);
}

Error impossible(const std::string& model) {
    return Error("MODEL_INVALID", model +
                                      " gives a token probability 0, so that its perplexity is infinite. The model is "
                                      "damaged, or masks tokens.");
}

/// KL(reference || model) = sum of q (ln q - ln p); totals are log_sum_exp of the logits.
double divergence(const float* logits, double total, const float* reference, double reference_total, int32_t size) {
    double sum = 0;
    for (int32_t i = 0; i < size; ++i) {
        const double log_q = reference[i] - reference_total;
        const double q = std::exp(log_q);
        if (q > 0) sum += q * (log_q - (logits[i] - total));
    }
    return sum;
}

} // namespace

Perplexity::Perplexity(const PerplexityOptions& options, const Cancel& cancel)
    : options_(options), model_(chunk_engine_options(options.text), cancel, nullptr), threads_(options.text.threads) {
    chunks_ = std::make_unique<Chunks>(options_.text, model_);
    if (options_.reference.empty()) return;
    ChunkedText text = options_.text;
    text.model = options_.reference;
    reference_ = std::make_unique<Engine>(chunk_engine_options(text), cancel, nullptr);
    if (!same_vocabulary(model_.vocab(), reference_->vocab()))
        throw Error("ARGUMENT_INVALID", options_.text.model + " and " + options_.reference +
                                            " have different vocabularies. Compare a model with the one that it was "
                                            "quantised from.");
    const Chunks fits(text, *reference_);
}

ChunkScores Perplexity::score(size_t chunk, const Cancel& cancel) {
    const size_t first = chunks_->size() / 2, last = chunks_->size() - 1;
    ChunkScores scores;
    scores.chunk = chunk;
    scores.logprobs.resize(last - first);
    if (reference_) {
        scores.reference_logprobs.resize(last - first);
        scores.divergences.resize(last - first);
        scores.same_top.resize(last - first);
    }
    for (size_t begin = 0; begin < last;) {
        const size_t end = begin < first ? first : std::min(begin + chunks_->most_rows(), last);
        chunks_->decode(model_, chunk, begin, end, begin >= first, cancel);
        if (reference_) chunks_->decode(*reference_, chunk, begin, end, begin >= first, cancel);
        if (begin >= first) score_rows(chunk, begin, end, first, scores);
        begin = end;
    }
    return scores;
}

void Perplexity::score_rows(size_t chunk, size_t begin, size_t end, size_t first, ChunkScores& scores) {
    // llama.cpp puts its rows in order when first asked for one: not from several threads.
    std::vector<const float*> rows, reference_rows;
    for (size_t i = 0; i < end - begin; ++i) {
        rows.push_back(model_.row(static_cast<int32_t>(i)));
        reference_rows.push_back(reference_ ? reference_->row(static_cast<int32_t>(i)) : nullptr);
    }
    threads_.run(static_cast<int64_t>(rows.size()), [&](int64_t i, int) {
        score_row(rows[i], reference_rows[i], chunks_->token(chunk, begin + i + 1), begin - first + i, scores);
    });
}

void Perplexity::score_row(const float* logits, const float* reference, llama_token token, size_t i,
                           ChunkScores& scores) const {
    const int32_t size = llama_vocab_n_tokens(model_.vocab());
    const double total = log_sum_exp(logits, size);
    const double reference_total = reference == nullptr ? 0 : log_sum_exp(reference, size);
    for (const auto& [sum, path] :
         {std::pair(total, &options_.text.model), std::pair(reference_total, &options_.reference)})
        if (!std::isfinite(sum)) throw Error("MODEL_INVALID", *path + ": logits are not finite. The model is damaged.");
    scores.logprobs[i] = logits[token] - total;
    if (!std::isfinite(scores.logprobs[i])) throw impossible(options_.text.model);
    if (reference == nullptr) return;
    scores.reference_logprobs[i] = reference[token] - reference_total;
    if (!std::isfinite(scores.reference_logprobs[i])) throw impossible(options_.reference);
    scores.divergences[i] = divergence(logits, total, reference, reference_total, size);
    if (!std::isfinite(scores.divergences[i])) throw impossible(options_.text.model);
    scores.same_top[i] = likeliest(logits, size) == likeliest(reference, size);
}

} // namespace medilora
