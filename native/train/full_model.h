#pragma once

#include <memory>
#include <string>

#include "adapter/adapter_file.h"
#include "train/network.h"
#include "train/parameters.h"

namespace medilora {

/// A model whose every weight is trainable, in float32.
class FullModel {
  public:
    /// Starts from the weights of a GGUF (quantised ones are dequantised).
    explicit FullModel(const std::string& model, int64_t layers = kAllLayers);
    /// Starts from random weights (normal, deviation 0.02; the layers that feed the residual stream smaller by
    /// sqrt(2 n_layer), as in GPT-2), with the tokenizer of `tokenizer_model`. h.n_vocab is taken from it.
    FullModel(Hparams h, const std::string& tokenizer_model, uint64_t seed);

    Network& network() { return *network_; }
    ParameterSet& parameters() { return parameters_; }
    /// Writes a whole GGUF, F32. Returns its size in bytes.
    size_t write(const std::string& path, const Metadata& metadata);

  private:
    void build(const Hparams& h);
    void connect_gradients(const Hparams& h);

    std::string source_;
    bool keep_metadata_; // all of the source's metadata, or only its tokenizer
    std::unique_ptr<Network> network_;
    ParameterSet parameters_;
};

} // namespace medilora
