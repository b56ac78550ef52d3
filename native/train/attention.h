#pragma once

#include "train/batch.h"
#include "train/compute.h"

namespace medilora {

/// Causal grouped-query attention inside each sequence of the batch, a row at a time: no matrix of scores.
/// q, out [n, n_head, head_dim]; k, v [n, n_head_kv, head_dim]; lse [n, n_head], the log of each softmax's denominator.
/// @see Vaswani et al. 2017; Ainslie et al. 2023 (grouped queries)
void attention_forward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                       const float* v, float* out, float* lse);

/// Writes dq, dk, dv from dout. The probabilities are computed again from lse.
void attention_backward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                        const float* v, const float* out, const float* lse, const float* dout, float* dq, float* dk,
                        float* dv);

} // namespace medilora
