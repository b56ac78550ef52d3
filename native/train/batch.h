#pragma once

#include <cstdint>
#include <vector>

#include "model/hparams.h"

namespace medilora {

/// A micro-batch as it comes in: labels[i] is the token that position i must predict, -100 for no loss.
struct Batch {
    std::vector<int32_t> tokens, positions, sequences, labels;
};

constexpr int32_t kNoLabel = -100;

/// A micro-batch in the order in which it is computed: tokens sorted by sequence, then by position, so that
/// what token i attends to is the range [first[i], last[i]).
struct PreparedBatch {
    int64_t n = 0;
    std::vector<int32_t> order; // order[i]: index in the incoming batch
    std::vector<int32_t> tokens, positions, labels;
    std::vector<int32_t> first, last;
    /// [begin, end) of each sequence.
    std::vector<std::pair<int32_t, int32_t>> segments;
    /// Indexes of the tokens that carry a label.
    std::vector<int32_t> labelled;
    /// cos and sin of the RoPE angles, times RoPE's magnitude, each [n, n_rot / 2].
    std::vector<float> cos, sin;
};

/// Throws BATCH_INVALID, TOKEN_OUT_OF_RANGE or CONTEXT_EXCEEDED, naming the index.
PreparedBatch prepare_batch(const Batch& batch, const Hparams& h);

} // namespace medilora
