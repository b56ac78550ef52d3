#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "train/adamw.h"
#include "train/adamw_8bit.h"
#include "util/error.h"

namespace medilora {

namespace {

// Partial sums are over slices of fixed size, so that the norm does not depend on the number of threads.
constexpr int64_t kSlice = 1 << 16;

double squared_norm(Compute& c, const float* x, int64_t count) {
    const int64_t parts = (count + kSlice - 1) / kSlice;
    std::vector<double> sums(parts, 0.0);
    c.pool.run(parts, [&](int64_t part, int) {
        double sum = 0;
        for (int64_t i = part * kSlice; i < std::min(count, (part + 1) * kSlice); ++i)
            sum += static_cast<double>(x[i]) * x[i];
        sums[part] = sum;
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

} // namespace

double normalize_gradients(Compute& c, ParameterSet& parameters, double divisor, double max_norm) {
    float* g = parameters.gradients();
    const double norm = std::sqrt(squared_norm(c, g, parameters.size())) / divisor;
    if (!std::isfinite(norm)) return norm;
    double factor = 1.0 / divisor;
    // PyTorch's clip_grad_norm_ has the same 1e-6.
    if (max_norm > 0 && norm > max_norm) factor *= max_norm / (norm + 1e-6);
    const float f = static_cast<float>(factor);
    c.pool.slices(parameters.size(), 4096, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) g[i] *= f;
    });
    return norm;
}

AdamWStep::AdamWStep(const AdamWOptions& o, int64_t step)
    : beta1(static_cast<float>(o.beta1)), beta2(static_cast<float>(o.beta2)), epsilon(static_cast<float>(o.epsilon)),
      step_size(static_cast<float>(o.learning_rate / (1.0 - std::pow(o.beta1, static_cast<double>(step))))),
      correction2(static_cast<float>(std::sqrt(1.0 - std::pow(o.beta2, static_cast<double>(step))))),
      keep(static_cast<float>(1.0 - o.learning_rate * o.weight_decay)) {}

void AdamWStep::apply(float g, float keep_factor, float& m, float& v, float& w) const {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    w = keep_factor * w - step_size * m / (std::sqrt(v) / correction2 + epsilon);
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const ParameterSet& parameters) {
    if (name == "adamw") return std::make_unique<AdamW>(parameters);
    if (name == "adamw_8bit") return std::make_unique<AdamW8bit>(parameters);
    throw Error("ARGUMENT_INVALID", "Option `optimizer` must be adamw or adamw_8bit.");
}

} // namespace medilora
