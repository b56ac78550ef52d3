#pragma once

#include "train/batch.h"
#include "train/compute.h"
#include "train/dropout.h"

namespace medilora {

/// The LoRA branch of a linear layer: y += scale * B A drop(x). A [rank, in], B [out, rank].
/// @see Hu et al. 2021, LoRA, section 4.1
struct LoraBranch {
    int64_t rank = 0; ///< 0: the layer has none
    float scale = 0;
    const float* a = nullptr;
    const float* b = nullptr;
    float* da = nullptr;
    float* db = nullptr;
};

/// A linear layer as training sees it: frozen (perhaps quantised) weight, perhaps a LoRA branch,
/// perhaps a gradient of the weight itself (full training).
struct Linear {
    WeightView weight; // [out, in]
    LoraBranch lora;
    /// Multiply in float32 in the forward pass, whatever the weight's type.
    bool exact_forward = false;
    float* weight_gradient = nullptr; // [out, in]
    const float* bias = nullptr;      // [out], null: none
    float* bias_gradient = nullptr;   // [out]

    int64_t in() const { return weight.cols; }
    int64_t out() const { return weight.rows; }
};

/// Buffers that linear layers share.
struct LinearScratch {
    Buffer dropped, du, dx;
};

/// y [n, out] = W x + b + LoRA; u [n, rank] keeps A drop(x) for the backward pass.
void linear_forward(Compute& c, const Linear& layer, const Dropout& dropout, LinearScratch& scratch, const float* x,
                    int64_t n, float* y, float* u);

/// Adds to the gradients of the layer's trainable tensors, sequence by sequence: packed or not, accumulated or not,
/// the same sums are made in the same order. dx [n, in], unless null, is written or added to.
void linear_backward(Compute& c, const Linear& layer, const Dropout& dropout, LinearScratch& scratch,
                     const PreparedBatch& batch, const float* x, const float* u, const float* dy, float* dx,
                     bool accumulate);

} // namespace medilora
