#include "train/adamw_8bit.h"

#include <algorithm>
#include <cmath>

namespace medilora {

namespace {

int64_t blocks_of(const Parameter& p) {
    return (p.size() + AdamW8bit::kBlock - 1) / AdamW8bit::kBlock;
}

float largest(const float* x, int64_t count) {
    float most = 0;
    for (int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(x[i]));
    return most;
}

} // namespace

AdamW8bit::AdamW8bit(const ParameterSet& parameters) {
    int64_t blocks = 0, small = 0;
    for (const Parameter& p : parameters.list()) {
        const bool quantized = p.size() >= kSmallest;
        places_.push_back({quantized, quantized ? blocks : small});
        (quantized ? blocks : small) += quantized ? blocks_of(p) : p.size();
    }
    codes1_.assign(blocks * kBlock, map1_.nearest(0));
    codes2_.assign(blocks * kBlock, map2_.nearest(0));
    scales1_.assign(blocks, 0);
    scales2_.assign(blocks, 0);
    small1_.assign(small, 0);
    small2_.assign(small, 0);
}

void AdamW8bit::step(Compute& c, ParameterSet& parameters, const AdamWOptions& options, int64_t step) {
    const AdamWStep adam(options, step);
    for (size_t i = 0; i < places_.size(); ++i) {
        const Parameter& p = parameters.list()[i];
        const float* g = parameters.gradient(p);
        float* w = parameters.value(p);
        if (places_[i].quantized) {
            step_blocks(c, p, places_[i].first, adam, g, w);
            continue;
        }
        float *m = small1_.data() + places_[i].first, *v = small2_.data() + places_[i].first;
        for (int64_t j = 0; j < p.size(); ++j) adam.apply(g[j], p.decay ? adam.keep : 1.0f, m[j], v[j], w[j]);
    }
}

void AdamW8bit::step_blocks(Compute& c, const Parameter& p, int64_t first_block, const AdamWStep& adam, const float* g,
                            float* w) {
    const float keep = p.decay ? adam.keep : 1.0f;
    c.pool.slices(blocks_of(p), 16, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block)
            step_block(first_block + block, std::min(kBlock, p.size() - block * kBlock), adam, keep, g + block * kBlock,
                       w + block * kBlock);
    });
}

void AdamW8bit::step_block(int64_t block, int64_t count, const AdamWStep& adam, float keep, const float* g, float* w) {
    uint8_t *codes1 = codes1_.data() + block * kBlock, *codes2 = codes2_.data() + block * kBlock;
    float m[kBlock], v[kBlock];
    for (int64_t i = 0; i < count; ++i) {
        m[i] = map1_.value(codes1[i]) * scales1_[block];
        v[i] = map2_.value(codes2[i]) * scales2_[block];
        adam.apply(g[i], keep, m[i], v[i], w[i]);
    }
    scales1_[block] = largest(m, count);
    scales2_[block] = largest(v, count);
    const float to_unit1 = scales1_[block] > 0 ? 1.0f / scales1_[block] : 0.0f;
    const float to_unit2 = scales2_[block] > 0 ? 1.0f / scales2_[block] : 0.0f;
    for (int64_t i = 0; i < count; ++i) {
        codes1[i] = map1_.nearest(m[i] * to_unit1);
        codes2[i] = map2_.nearest(v[i] * to_unit2);
        // A moment must not change its sign by rounding.
        if (std::signbit(map1_.value(codes1[i])) != std::signbit(m[i])) codes1[i] += m[i] > 0 ? 1 : -1;
    }
}

std::vector<StateArray> AdamW8bit::state() {
    auto floats = [](const char* name, std::vector<float>& v) {
        return StateArray{name, GGML_TYPE_F32, v.data(), static_cast<int64_t>(v.size())};
    };
    auto bytes = [](const char* name, std::vector<uint8_t>& v) {
        return StateArray{name, GGML_TYPE_I8, v.data(), static_cast<int64_t>(v.size())};
    };
    return {bytes("codes1", codes1_),    bytes("codes2", codes2_),  floats("scales1", scales1_),
            floats("scales2", scales2_), floats("small1", small1_), floats("small2", small2_)};
}

} // namespace medilora
