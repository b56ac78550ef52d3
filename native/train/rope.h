#pragma once

#include "train/batch.h"
#include "train/compute.h"

namespace medilora {

/// Turns the first n_rot dimensions of every head in place: pairs (2j, 2j + 1), or (j, j + n_rot / 2) with rope_halves.
/// x [n, heads, head_dim]. `direction` 1 is the forward pass, -1 its transpose, the backward pass.
void rope(Compute& c, const PreparedBatch& batch, float* x, int64_t heads, const Hparams& h, float direction);

} // namespace medilora
