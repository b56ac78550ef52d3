#pragma once

#include "train/batch.h"
#include "train/compute.h"

namespace medilora {

/// What attention.h computes row by row, in tiles of the packed matrix product: scores exist for a block of queries at
/// a time, so memory is linear in the tokens. Same arguments.
/// @see Dao et al. 2022, FlashAttention (blocks of queries; the probabilities are computed again in the backward pass)
void fused_attention_forward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                             const float* v, float* out);

void fused_attention_backward(Compute& c, const PreparedBatch& batch, const Hparams& h, const float* q, const float* k,
                              const float* v, const float* out, const float* dout, float* dq, float* dk, float* dv);

} // namespace medilora
