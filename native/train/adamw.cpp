#include "train/adamw.h"

#include <cstring>

namespace medilora {

AdamW::AdamW(const ParameterSet& parameters) : size_(parameters.size()), m_(size_), v_(size_) {
    for (Buffer* moment : {&m_, &v_}) std::memset(moment->data(), 0, size_ * sizeof(float));
}

void AdamW::step(Compute& c, ParameterSet& parameters, const AdamWOptions& options, int64_t step) {
    const AdamWStep adam(options, step);
    const float* g = parameters.gradients();
    float* w = parameters.values();
    for (const Parameter& p : parameters.list()) {
        const float keep = p.decay ? adam.keep : 1.0f;
        c.pool.slices(p.size(), 4096, [&](int64_t begin, int64_t end) {
            for (int64_t i = p.offset + begin; i < p.offset + end; ++i) adam.apply(g[i], keep, m_[i], v_[i], w[i]);
        });
    }
}

std::vector<StateArray> AdamW::state() {
    return {{"moment1", GGML_TYPE_F32, m_.data(), size_}, {"moment2", GGML_TYPE_F32, v_.data(), size_}};
}

} // namespace medilora
