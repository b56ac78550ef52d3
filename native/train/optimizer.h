#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ggml.h"
#include "train/compute.h"
#include "train/parameters.h"

namespace medilora {

struct AdamWOptions {
    double learning_rate = 0;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 0; ///< decoupled; matrices only
};

/// An array of an optimizer's state, for checkpoints. `type` is F32 or I8.
struct StateArray {
    std::string name;
    ggml_type type;
    void* data;
    int64_t count;
};

class Optimizer {
  public:
    virtual ~Optimizer() = default;
    /// One update of all parameters from their gradients; `step` counts from 1.
    virtual void step(Compute& c, ParameterSet& parameters, const AdamWOptions& options, int64_t step) = 0;
    /// Everything that the next step depends on.
    virtual std::vector<StateArray> state() = 0;
};

/// "adamw" (float32 state) or "adamw_8bit". Throws ARGUMENT_INVALID.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const ParameterSet& parameters);

/// Divides all gradients by `divisor`, clips their global norm to `max_norm` (0: no clipping) and returns
/// the norm before clipping; not finite when any gradient is not (then nothing was clipped).
double normalize_gradients(Compute& c, ParameterSet& parameters, double divisor, double max_norm);

/// What AdamW's steps share: bias corrections as factors.
/// @see Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization
struct AdamWStep {
    float beta1, beta2, epsilon;
    float step_size;   ///< learning rate / (1 - beta1^t)
    float correction2; ///< sqrt(1 - beta2^t)
    float keep;        ///< 1 - learning rate * weight decay, for tensors that decay

    AdamWStep(const AdamWOptions& options, int64_t step);

    /// Updates moments and weight of one element.
    void apply(float g, float keep_factor, float& m, float& v, float& w) const;
};

} // namespace medilora
