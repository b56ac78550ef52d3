#pragma once

#include <vector>

#include "train/block.h"
#include "train/loss.h"

namespace medilora {

/// A whole model as training sees it: frozen or trainable tensors, and where their gradients go.
struct Network {
    Hparams hparams;
    WeightView embedding, output; // [n_vocab, n_embd]
    const float* output_norm = nullptr;
    std::vector<Block> blocks;
    // Null: frozen. Tied models have one array for both.
    float* embedding_gradient = nullptr;
    float* output_gradient = nullptr;
    float* output_norm_gradient = nullptr;
    /// The lowest block with a trainable tensor: the backward pass stops there.
    int64_t lowest = 0;

    /// Frozen weights of a model; nothing is trainable yet.
    Network(const Hparams& h, const WeightTable& table);
};

/// Runs a network forward and backward on micro-batches, keeping its buffers from call to call.
class Engine {
  public:
    /// With checkpointing, a block's activations are computed again in the backward pass instead of kept.
    Engine(const Network& network, Compute& compute, bool checkpointing)
        : net_(network), c_(compute), checkpointing_(checkpointing) {}

    /// Sum of the losses over the labels.
    double evaluate(const PreparedBatch& batch);
    /// The same, and adds every trainable tensor's gradient of `gradient_scale` times that sum.
    double accumulate(const PreparedBatch& batch, const TrainingNoise& noise, float gradient_scale);

    void set_checkpointing(bool on) { checkpointing_ = on; }
    /// Bytes of buffers that a micro-batch of so many tokens and labels takes.
    int64_t bytes_needed(int64_t tokens, int64_t labelled, bool checkpointing) const;

    /// Logits [n, n_vocab] in the order of the incoming batch.
    std::vector<float> logits(const PreparedBatch& batch);

  private:
    void forward(const PreparedBatch& batch, const TrainingNoise& noise, bool keep);
    void backward(const PreparedBatch& batch, const TrainingNoise& noise);
    void embed(const PreparedBatch& batch, float* x);
    /// Uniform in +- alpha / sqrt(tokens * n_embd) a sequence. @see Jain et al. 2023, NEFTune
    void add_embedding_noise(const PreparedBatch& batch, const TrainingNoise& noise, float* x);
    BlockActivations& activations(int64_t block, bool keep);

    const Network& net_;
    Compute& c_;
    bool checkpointing_;
    std::vector<Buffer> inputs_; // inputs_[i]: the input of block i [n, n_embd]; the last is the last block's output
    std::vector<BlockActivations> kept_;
    BlockActivations shared_;
    BlockScratch scratch_;
    Loss loss_;
    Buffer hidden_, rstd_, d_hidden_, dx_;
};

} // namespace medilora
