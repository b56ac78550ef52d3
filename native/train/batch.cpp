#include "train/batch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "util/error.h"

namespace medilora {

namespace {

void check(const Batch& batch, const Hparams& h) {
    const size_t n = batch.tokens.size();
    if (n == 0) throw Error("BATCH_INVALID", "The batch has no tokens.");
    if (batch.positions.size() != n || batch.sequences.size() != n || batch.labels.size() != n)
        throw Error("BATCH_INVALID", "tokens, positions, sequences and labels must be of one length.");
    for (size_t i = 0; i < n; ++i) {
        const std::string at = " at index " + std::to_string(i);
        if (batch.tokens[i] < 0 || batch.tokens[i] >= h.n_vocab)
            throw Error("TOKEN_OUT_OF_RANGE", "Token " + std::to_string(batch.tokens[i]) + at +
                                                  " is not in the vocabulary of " + std::to_string(h.n_vocab) +
                                                  ". Tokenise with this model's own tokenizer.");
        if (batch.labels[i] != kNoLabel && (batch.labels[i] < 0 || batch.labels[i] >= h.n_vocab))
            throw Error("TOKEN_OUT_OF_RANGE", "Label " + std::to_string(batch.labels[i]) + at +
                                                  " is not in the vocabulary of " + std::to_string(h.n_vocab) +
                                                  " (-100 means no label).");
        if (batch.positions[i] < 0) throw Error("BATCH_INVALID", "The position" + at + " is negative.");
        if (batch.positions[i] >= h.n_ctx)
            throw Error("CONTEXT_EXCEEDED", "The position " + std::to_string(batch.positions[i]) + at +
                                                " is beyond the model's context of " + std::to_string(h.n_ctx) +
                                                " tokens. Use a smaller sequence_len.");
    }
}

void find_ranges(PreparedBatch& out, const Batch& batch, int64_t window) {
    out.first.resize(out.n);
    out.last.resize(out.n);
    for (int32_t begin = 0; begin < out.n;) {
        int32_t end = begin;
        const int32_t sequence = batch.sequences[out.order[begin]];
        while (end < out.n && batch.sequences[out.order[end]] == sequence) ++end;
        for (int32_t i = begin; i < end; ++i) {
            const int64_t oldest = window > 0 ? out.positions[i] - window + 1 : 0;
            out.first[i] = static_cast<int32_t>(
                std::lower_bound(out.positions.begin() + begin, out.positions.begin() + i, oldest) -
                out.positions.begin());
            out.last[i] = static_cast<int32_t>(
                std::upper_bound(out.positions.begin() + i, out.positions.begin() + end, out.positions[i]) -
                out.positions.begin());
        }
        out.segments.emplace_back(begin, end);
        begin = end;
    }
}

void rope_angles(PreparedBatch& out, const Hparams& h) {
    const int64_t half = h.n_rot / 2;
    const RopeFrequencies rope = rope_frequencies(h.n_rot, h.rope_base, h.rope_scaling);
    out.cos.resize(out.n * half);
    out.sin.resize(out.n * half);
    for (int64_t i = 0; i < out.n; ++i)
        for (int64_t j = 0; j < half; ++j) {
            const double angle = out.positions[i] * rope.frequency[j];
            out.cos[i * half + j] = static_cast<float>(rope.magnitude * std::cos(angle));
            out.sin[i * half + j] = static_cast<float>(rope.magnitude * std::sin(angle));
        }
}

} // namespace

PreparedBatch prepare_batch(const Batch& batch, const Hparams& h) {
    check(batch, h);
    PreparedBatch out;
    out.n = static_cast<int64_t>(batch.tokens.size());
    out.order.resize(out.n);
    std::iota(out.order.begin(), out.order.end(), 0);
    std::stable_sort(out.order.begin(), out.order.end(), [&](int32_t a, int32_t b) {
        if (batch.sequences[a] != batch.sequences[b]) return batch.sequences[a] < batch.sequences[b];
        return batch.positions[a] < batch.positions[b];
    });
    for (const int32_t from : out.order) {
        if (batch.labels[from] != kNoLabel) out.labelled.push_back(static_cast<int32_t>(out.tokens.size()));
        out.tokens.push_back(batch.tokens[from]);
        out.positions.push_back(batch.positions[from]);
        out.labels.push_back(batch.labels[from]);
    }
    find_ranges(out, batch, h.window);
    rope_angles(out, h);
    return out;
}

} // namespace medilora
