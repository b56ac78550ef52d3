#pragma once

#include "train/dynamic_map.h"
#include "train/optimizer.h"

namespace medilora {

/// AdamW whose moments are held in 8 bits, as bitsandbytes does it: blocks of 256 elements, each scaled by its largest
/// magnitude and rounded to a dynamic map. Tensors under 4096 elements keep float32 moments.
/// @see Dettmers et al. 2022, 8-bit Optimizers via Block-wise Quantization
class AdamW8bit : public Optimizer {
  public:
    explicit AdamW8bit(const ParameterSet& parameters);
    void step(Compute& c, ParameterSet& parameters, const AdamWOptions& options, int64_t step) override;
    std::vector<StateArray> state() override;

    static constexpr int64_t kBlock = 256;
    static constexpr int64_t kSmallest = 4096;

  private:
    /// Where a parameter's moments are: in blocks from `first`, or from `first` in the float32 arrays.
    struct Place {
        bool quantized;
        int64_t first;
    };

    void step_blocks(Compute& c, const Parameter& p, int64_t first_block, const AdamWStep& adam, const float* g,
                     float* w);
    void step_block(int64_t block, int64_t count, const AdamWStep& adam, float keep, const float* g, float* w);

    DynamicMap map1_{true}, map2_{false};
    std::vector<Place> places_; // by parameter
    std::vector<uint8_t> codes1_, codes2_;
    std::vector<float> scales1_, scales2_; // by block
    std::vector<float> small1_, small2_;
};

} // namespace medilora
