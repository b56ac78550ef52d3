#pragma once

#include "train/compute.h"
#include "train/parameters.h"

namespace medilora {

struct AdamWOptions {
    double learning_rate = 0;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 0;
};

/// Divides all gradients by `divisor`, clips their global norm to `max_norm` (0: no clipping) and returns
/// the norm before clipping; not finite when any gradient is not (then nothing was clipped).
double normalize_gradients(Compute& c, ParameterSet& parameters, double divisor, double max_norm);

/// One AdamW update with decoupled weight decay; `step` counts from 1.
/// @see Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization
void adamw_step(Compute& c, ParameterSet& parameters, const AdamWOptions& options, int64_t step);

} // namespace medilora
