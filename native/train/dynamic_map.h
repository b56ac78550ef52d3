#pragma once

#include <array>
#include <cstdint>

namespace medilora {

/// The 256 numbers in [-1, 1] (or [0, 1]) that 8-bit dynamic quantisation can hold, in ascending order: seven
/// decades, the upper ones divided the finer, and 0 and 1.
/// @see Dettmers et al. 2022, 8-bit Optimizers via Block-wise Quantization, section 1.3
class DynamicMap {
  public:
    explicit DynamicMap(bool with_sign);

    float value(uint8_t code) const { return values_[code]; }
    /// The code of the nearest value; of two equally near ones, the lower.
    uint8_t nearest(float x) const;

  private:
    std::array<float, 256> values_;
};

} // namespace medilora
