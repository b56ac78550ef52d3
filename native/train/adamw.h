#pragma once

#include "train/optimizer.h"

namespace medilora {

/// AdamW with float32 moments.
class AdamW : public Optimizer {
  public:
    explicit AdamW(const ParameterSet& parameters);
    void step(Compute& c, ParameterSet& parameters, const AdamWOptions& options, int64_t step) override;
    std::vector<StateArray> state() override;

  private:
    int64_t size_;
    Buffer m_, v_;
};

} // namespace medilora
