#include "train/loss.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gemm/kernels.h"

namespace medilora {

namespace {

/// Logits of a chunk take at most this many floats (64 MB), but a chunk has at least 16 positions.
constexpr int64_t kChunkFloats = int64_t{1} << 24;

int64_t chunk_positions(const WeightView& output, int64_t labelled) {
    return std::min(labelled, std::max<int64_t>(16, kChunkFloats / output.rows));
}

} // namespace

int64_t Loss::floats_needed(const WeightView& output, int64_t labelled) {
    return chunk_positions(output, labelled) * (output.rows + 2 * output.cols);
}

double Loss::chunk(Compute& c, const WeightView& output, const PreparedBatch& batch, int64_t begin, int64_t count,
                   float gradient_scale) {
    const int64_t vocab = output.rows;
    float* logits = logits_.resize(count * vocab);
    c.gemm.forward(output, gathered_, count, logits);
    std::vector<double> losses(count);
    c.pool.run(count, [&](int64_t i, int) {
        float* row = logits + i * vocab;
        const int32_t label = batch.labels[batch.labelled[begin + i]];
        const float label_logit = row[label];
        float max;
        const float sum = kernels().softmax_numerators(row, vocab, &max);
        losses[i] = std::log(static_cast<double>(sum)) + max - label_logit;
        const float factor = gradient_scale / sum;
        for (int64_t j = 0; j < vocab; ++j) row[j] *= factor; // scale * (softmax - one-hot)
        row[label] -= gradient_scale;
    });
    double total = 0;
    for (const double loss : losses) total += loss;
    return total;
}

void Loss::add_output_gradient(Compute& c, const WeightView& output, const PreparedBatch& batch, int64_t begin,
                               int64_t count, float* d_output) {
    const int64_t e = output.cols, vocab = output.rows;
    for (int64_t i = 0; i < count;) {
        int64_t next = i;
        const int32_t sequence = batch.first[batch.labelled[begin + i]];
        while (next < count && batch.first[batch.labelled[begin + next]] == sequence) ++next;
        c.gemm.multiply(vocab, e, next - i, {logits_ + i * vocab, 1, vocab}, {gathered_ + i * e, e, 1}, d_output, e,
                        1.0f, true);
        i = next;
    }
}

double Loss::run(Compute& c, const WeightView& output, const PreparedBatch& batch, const float* hidden,
                 float gradient_scale, float* d_hidden, float* d_output) {
    const int64_t e = output.cols, labelled = static_cast<int64_t>(batch.labelled.size());
    const int64_t most = chunk_positions(output, labelled);
    if (d_hidden != nullptr) std::memset(d_hidden, 0, batch.n * e * sizeof(float));
    double total = 0;
    for (int64_t begin = 0; begin < labelled; begin += most) {
        const int64_t count = std::min(most, labelled - begin);
        if (c.cancel != nullptr) c.cancel->check();
        float* gathered = gathered_.resize(count * e);
        for (int64_t i = 0; i < count; ++i)
            std::memcpy(gathered + i * e, hidden + batch.labelled[begin + i] * e, e * sizeof(float));
        total += chunk(c, output, batch, begin, count, gradient_scale);
        if (d_output != nullptr) add_output_gradient(c, output, batch, begin, count, d_output);
        if (d_hidden == nullptr) continue;
        float* d_gathered = d_gathered_.resize(count * e);
        c.gemm.backward(output, logits_, count, d_gathered);
        for (int64_t i = 0; i < count; ++i)
            std::memcpy(d_hidden + batch.labelled[begin + i] * e, d_gathered + i * e, e * sizeof(float));
    }
    return total;
}

} // namespace medilora
