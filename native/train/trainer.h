#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "train/full_model.h"
#include "train/lora_model.h"
#include "train/optimizer.h"

namespace medilora {

struct TrainerOptions {
    int threads = 1;
    bool checkpointing = false;
    float dropout = 0;               ///< on the input of the LoRA branches
    float neftune_alpha = 0;         ///< noise on the embeddings
    uint64_t seed = 0;               ///< of the dropout
    std::string optimizer = "adamw"; ///< or "adamw_8bit"
    bool plain_attention = false;
};

struct StepOptions {
    AdamWOptions adamw;
    double divisor = 1;       ///< gradients are sums; this turns them into means
    double max_grad_norm = 0; ///< 0: no clipping
};

struct StepResult {
    double grad_norm; ///< before clipping
    bool skipped;     ///< a gradient was not finite: nothing was updated
};

/// Accumulates gradients over micro-batches and updates the trainable tensors.
/// Every method locks the trainer, throwing BUSY when a call is running already.
class Trainer {
  public:
    Trainer(std::unique_ptr<LoraModel> model, const TrainerOptions& options);
    Trainer(std::unique_ptr<FullModel> model, const TrainerOptions& options);

    /// Adds the gradient of `gradient_scale` times the batch's summed loss; returns that sum, unscaled, in nats.
    /// Throws LABELS_EMPTY without labels. When it throws, also ABORTED, the trainer is as it was after the last step:
    /// what was accumulated since is dropped.
    double accumulate(const Batch& batch, float gradient_scale, const Cancel& cancel);
    /// The summed loss only; no gradient, no dropout.
    double evaluate(const Batch& batch, const Cancel& cancel);
    /// Normalises, clips, updates and zeroes the gradients.
    StepResult step(const StepOptions& options);
    /// Logits [n, n_vocab].
    std::vector<float> logits(const Batch& batch, const Cancel& cancel);

    /// Calls visit(parameter, values, gradients) for each trainable tensor.
    template <typename Visitor> void visit(Visitor visitor) {
        const auto lock = exclusive();
        for (const Parameter& p : parameters_->list()) visitor(p, parameters_->value(p), parameters_->gradient(p));
    }

    /// Writes the adapter, or the whole model in full training. Returns bytes.
    size_t save_weights(const std::string& path, const Metadata& metadata);
    /// Writes weights, optimizer and random state; `note` is kept beside them for the caller.
    size_t save_state(const std::string& path, const std::string& note);
    /// Restores what save_state wrote; returns the note. Throws CHECKPOINT_INVALID when it is of another run.
    std::string load_state(const std::string& path);

    /// Activation checkpointing from the next call on.
    void set_checkpointing(bool on);
    struct Memory {
        int64_t weights;    ///< of the mapped base
        int64_t parameters; ///< trainable tensors, their gradients and the optimizer's state
        int64_t buffers;    ///< activations and scratch of one micro-batch
    };
    /// Bytes that training takes with micro-batches of so many tokens and labels.
    Memory memory(int64_t tokens, int64_t labelled, bool checkpointing) const;

    const Hparams& hparams() const { return network_->hparams; }
    int64_t trainable() const;
    int64_t steps() const { return steps_; }

  private:
    void set_up(Network& network, ParameterSet& parameters);
    std::unique_lock<std::mutex> exclusive();
    void drop_gradients();
    PreparedBatch labelled_batch(const Batch& batch) const;

    TrainerOptions options_;
    std::unique_ptr<LoraModel> lora_;
    std::unique_ptr<FullModel> full_;
    Network* network_ = nullptr;
    ParameterSet* parameters_ = nullptr;
    Compute compute_;
    std::unique_ptr<Optimizer> optimizer_;
    std::optional<Engine> engine_;
    std::mutex mutex_;
    int64_t steps_ = 0;
    uint64_t micro_batches_ = 0; ///< up to the last step; numbers the dropout masks
    uint64_t pending_ = 0;       ///< micro-batches since
};

} // namespace medilora
