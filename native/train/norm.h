#pragma once

#include "train/compute.h"

namespace medilora {

/// y = x * rstd * w, rstd = 1 / sqrt(mean(x^2) + eps) a row. x, y [n, d]; rstd [n].
void rms_norm_forward(Compute& c, const float* x, const float* w, float eps, int64_t n, int64_t d, float* y,
                      float* rstd);

/// Adds the gradient of rms_norm to dx [n, d]; adds that of the weight to dw [d] unless null.
void rms_norm_backward(Compute& c, const float* x, const float* w, const float* rstd, const float* dy, int64_t n,
                       int64_t d, float* dx, float* dw);

} // namespace medilora
