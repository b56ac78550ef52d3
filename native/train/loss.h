#pragma once

#include "model/weights.h"
#include "train/batch.h"
#include "train/compute.h"

namespace medilora {

/// Cross-entropy over the labelled positions. Only their hidden states meet the output matrix, a chunk of
/// positions at a time: no [tokens, vocabulary] array exists.
class Loss {
  public:
    /// Sum over labelled tokens of -log p(label), in nats. hidden [n, n_embd] is after the output norm.
    /// d_hidden, unless null, gets its gradient [n, n_embd] (zero where there is no label);
    /// d_output, unless null, has the output matrix's gradient [n_vocab, n_embd] added. Gradients are multiplied by
    /// `gradient_scale`; the returned loss is not.
    double run(Compute& c, const WeightView& output, const PreparedBatch& batch, const float* hidden,
               float gradient_scale, float* d_hidden, float* d_output);

    /// Floats of buffers for so many labelled positions.
    static int64_t floats_needed(const WeightView& output, int64_t labelled);

  private:
    double chunk(Compute& c, const WeightView& output, const PreparedBatch& batch, int64_t begin, int64_t count,
                 float gradient_scale);
    /// d_output += dlogits^T hidden, sequence by sequence as in linear_backward.
    void add_output_gradient(Compute& c, const WeightView& output, const PreparedBatch& batch, int64_t begin,
                             int64_t count, float* d_output);

    Buffer gathered_, logits_, d_gathered_;
};

} // namespace medilora
