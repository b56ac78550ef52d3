#include "train/adamw.h"

#include <cmath>
#include <vector>

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

void adamw_step(Compute& c, ParameterSet& parameters, const AdamWOptions& o, int64_t step) {
    const float correction1 = static_cast<float>(1.0 - std::pow(o.beta1, static_cast<double>(step)));
    const float correction2 = static_cast<float>(1.0 - std::pow(o.beta2, static_cast<double>(step)));
    const float b1 = static_cast<float>(o.beta1), b2 = static_cast<float>(o.beta2), eps = static_cast<float>(o.epsilon);
    const float lr = static_cast<float>(o.learning_rate);
    float *g = parameters.gradients(), *m = parameters.moment1(), *v = parameters.moment2();
    float* w = parameters.values();
    for (const Parameter& p : parameters.list()) {
        const float keep = p.decay ? static_cast<float>(1.0 - o.learning_rate * o.weight_decay) : 1.0f;
        c.pool.slices(p.size(), 4096, [&](int64_t begin, int64_t end) {
            for (int64_t i = p.offset + begin; i < p.offset + end; ++i) {
                m[i] = b1 * m[i] + (1 - b1) * g[i];
                v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
                w[i] = keep * w[i] - lr * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + eps);
            }
        });
    }
}

} // namespace medilora
