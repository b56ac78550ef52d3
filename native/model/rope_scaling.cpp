#include "model/rope_scaling.h"

#include <algorithm>
#include <cmath>

#include "util/error.h"

namespace medilora {

namespace {

// YaRN's defaults, which no model of our architectures overrides in llama.cpp.
constexpr double kBetaFast = 32, kBetaSlow = 1;

/// The pair whose wave turns `rotations` times within the original context.
double correction_pair(int64_t n_rot, int64_t context, double rotations, double base) {
    return static_cast<double>(n_rot) * std::log(static_cast<double>(context) / (rotations * 2 * M_PI)) /
           (2 * std::log(base));
}

} // namespace

RopeFrequencies rope_frequencies(int64_t n_rot, double base, const RopeScaling& scaling) {
    RopeFrequencies out;
    const bool yarn = scaling.type == RopeScaling::kYarn;
    const double low = std::max(0.0, std::floor(correction_pair(n_rot, scaling.original_context, kBetaFast, base)));
    const double high = std::min(static_cast<double>(n_rot - 1),
                                 std::ceil(correction_pair(n_rot, scaling.original_context, kBetaSlow, base)));
    for (int64_t j = 0; j < n_rot / 2; ++j) {
        const double divisor = scaling.divisors.empty() ? 1.0 : scaling.divisors[j];
        const double own = std::pow(base, -2.0 * static_cast<double>(j) / static_cast<double>(n_rot)) / divisor;
        const double ramp = (static_cast<double>(j) - low) / std::max(0.001, high - low);
        // Fast waves are kept, slow ones stretched, those between mixed.
        const double kept = yarn ? 1.0 - std::min(1.0, std::max(0.0, ramp)) : 0.0;
        out.frequency.push_back(own / scaling.factor * (1.0 - kept) + own * kept);
    }
    out.magnitude = scaling.attn_factor * (yarn ? 1.0 + 0.1 * std::log(scaling.factor) : 1.0);
    return out;
}

RopeScaling read_rope_scaling(const GgufFile& file, const std::string& prefix, int64_t n_rot, int64_t n_ctx) {
    RopeScaling scaling;
    const std::string type = file.string(prefix + "rope.scaling.type", "linear");
    if (type != "none" && type != "linear" && type != "yarn")
        throw Error("ARCHITECTURE_UNSUPPORTED",
                    file.path() + " scales RoPE by \"" + type +
                        "\". medilora trains models with none, linear, YaRN or Llama 3 scaling.");
    const double factor = file.real(prefix + "rope.scaling.factor", file.real(prefix + "rope.scale_linear", 0.0));
    scaling.type = type == "yarn" ? RopeScaling::kYarn : type == "linear" ? RopeScaling::kLinear : RopeScaling::kNone;
    scaling.factor = scaling.type == RopeScaling::kNone || factor == 0 ? 1.0 : factor;
    scaling.attn_factor = file.real(prefix + "rope.scaling.attn_factor", 1.0);
    scaling.original_context = file.integer(prefix + "rope.scaling.original_context_length", n_ctx);
    if (!(scaling.factor >= 1e-3 && scaling.factor <= 1e4) || !std::isfinite(scaling.attn_factor) ||
        scaling.original_context < 1)
        file.invalid("its RoPE scaling makes no sense");
    const GgufTensor* divisors = file.find("rope_freqs.weight");
    if (divisors == nullptr) return scaling;
    if (divisors->type != GGML_TYPE_F32 || divisors->elements() != n_rot / 2)
        file.invalid("rope_freqs.weight has the wrong shape");
    const float* values = static_cast<const float*>(divisors->data);
    scaling.divisors.assign(values, values + n_rot / 2);
    for (const float value : scaling.divisors)
        if (!(value > 0) || !std::isfinite(value))
            file.invalid("rope_freqs.weight holds numbers that are not positive");
    return scaling;
}

} // namespace medilora
