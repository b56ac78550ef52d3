#include "train/dynamic_map.h"

#include <algorithm>
#include <cmath>

namespace medilora {

DynamicMap::DynamicMap(bool with_sign) {
    size_t used = 0;
    for (int decade = 0; decade < 7; ++decade) {
        const double scale = std::pow(10.0, decade - 6);
        // Without a sign there is one more bit for the fraction.
        const int parts = 1 << (with_sign ? decade : decade + 1);
        for (int i = 0; i < parts; ++i) {
            const double middle = 0.1 + 0.9 * (i + 0.5) / parts;
            values_[used++] = static_cast<float>(scale * middle);
            if (with_sign) values_[used++] = static_cast<float>(-scale * middle);
        }
    }
    values_[used++] = 0.0f;
    values_[used++] = 1.0f;
    std::sort(values_.begin(), values_.end());
}

uint8_t DynamicMap::nearest(float x) const {
    const auto above = std::lower_bound(values_.begin(), values_.end(), x);
    if (above == values_.begin()) return 0;
    if (above == values_.end()) return 255;
    const auto below = above - 1;
    return static_cast<uint8_t>((x - *below <= *above - x ? below : above) - values_.begin());
}

} // namespace medilora
