#pragma once

#include "train/batch.h"
#include "train/compute.h"

namespace medilora {

/// Turns the first n_rot dimensions of every head in place, pairs (2i, 2i + 1) as the llama architecture has them.
/// x [n, heads, head_dim]. `direction` 1 is the forward pass, -1 its transpose, the backward pass.
void rope(Compute& c, const PreparedBatch& batch, float* x, int64_t heads, const Hparams& h, float direction);

} // namespace medilora
