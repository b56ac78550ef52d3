#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter_file.h"
#include "gguf/split.h"
#include "train/network.h"
#include "train/parameters.h"

namespace medilora {

/// What a fresh adapter is made of.
struct LoraOptions {
    int64_t rank = 8;
    float alpha = 16; ///< scale = alpha / rank
    std::vector<Module> modules;
    uint64_t seed = 0;
};

/// A frozen, memory-mapped base with a trainable LoRA adapter.
class LoraModel {
  public:
    /// A fresh adapter: A uniform in +-1/sqrt(in), B zero. `layers` cuts the model down to its lowest blocks, for
    /// measuring.
    LoraModel(const std::string& base, const LoraOptions& options, int64_t layers = kAllLayers);
    /// Goes on from an adapter file. Throws ADAPTER_MISMATCH when it does not fit the base, or
    /// adapts something other than a block's linear layers.
    LoraModel(const std::string& base, const std::string& adapter_path);

    Network& network() { return *network_; }
    ParameterSet& parameters() { return parameters_; }
    int64_t base_bytes() const { return static_cast<int64_t>(base_.size()); }
    /// The adapter as it stands, for writing.
    Adapter adapter();

  private:
    struct Branch {
        int64_t layer;
        Module module;
        int64_t rank;
        size_t a, b; // indexes of the parameters
    };

    void add_branch(int64_t layer, Module module, int64_t rank);
    /// Allocates the parameters and points the network's layers at them.
    void connect();

    GgufModel base_;
    Hparams hparams_;
    MappedWeights weights_;
    std::unique_ptr<Network> network_;
    ParameterSet parameters_;
    std::vector<Branch> branches_;
    float alpha_;
};

} // namespace medilora
