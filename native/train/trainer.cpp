#include "train/trainer.h"

#include <cmath>
#include <cstring>

#include "train/state_file.h"
#include "util/error.h"

namespace medilora {

Trainer::Trainer(std::unique_ptr<LoraModel> model, const TrainerOptions& options)
    : options_(options), lora_(std::move(model)), compute_(options.threads) {
    set_up(lora_->network(), lora_->parameters());
}

Trainer::Trainer(std::unique_ptr<FullModel> model, const TrainerOptions& options)
    : options_(options), full_(std::move(model)), compute_(options.threads) {
    set_up(full_->network(), full_->parameters());
}

void Trainer::set_up(Network& network, ParameterSet& parameters) {
    network_ = &network;
    parameters_ = &parameters;
    compute_.plain_attention = options_.plain_attention;
    optimizer_ = make_optimizer(options_.optimizer, parameters);
    engine_.emplace(network, compute_, options_.checkpointing);
}

std::unique_lock<std::mutex> Trainer::exclusive() {
    std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock())
        throw Error("BUSY", "This trainer is at work. Await its last call before the next, or create another trainer.");
    return lock;
}

void Trainer::drop_gradients() {
    std::memset(parameters_->gradients(), 0, parameters_->size() * sizeof(float));
    pending_ = 0;
}

PreparedBatch Trainer::labelled_batch(const Batch& batch) const {
    PreparedBatch prepared = prepare_batch(batch, network_->hparams);
    if (prepared.labelled.empty())
        throw Error("LABELS_EMPTY", "No token of the batch carries a label, so there is nothing to learn from it. "
                                    "Check label_span and that the rows have assistant turns.");
    return prepared;
}

double Trainer::accumulate(const Batch& batch, float gradient_scale, const Cancel& cancel) {
    const auto lock = exclusive();
    try {
        const PreparedBatch prepared = labelled_batch(batch);
        const uint64_t number = micro_batches_ + pending_;
        compute_.cancel = &cancel;
        const double loss = engine_->accumulate(
            prepared, {options_.dropout, options_.neftune_alpha, mix64(options_.seed ^ mix64(number + 1))},
            gradient_scale);
        ++pending_;
        return loss;
    } catch (...) {
        drop_gradients();
        throw;
    }
}

double Trainer::evaluate(const Batch& batch, const Cancel& cancel) {
    const auto lock = exclusive();
    compute_.cancel = &cancel;
    return engine_->evaluate(labelled_batch(batch));
}

StepResult Trainer::step(const StepOptions& options) {
    const auto lock = exclusive();
    if (pending_ == 0) throw Error("ARGUMENT_INVALID", "There are no gradients. Call accumulate before step.");
    const double norm = normalize_gradients(compute_, *parameters_, options.divisor, options.max_grad_norm);
    const bool finite = std::isfinite(norm);
    if (finite) optimizer_->step(compute_, *parameters_, options.adamw, ++steps_);
    micro_batches_ += pending_;
    drop_gradients();
    return {norm, !finite};
}

std::vector<float> Trainer::logits(const Batch& batch, const Cancel& cancel) {
    const auto lock = exclusive();
    compute_.cancel = &cancel;
    return engine_->logits(prepare_batch(batch, network_->hparams));
}

size_t Trainer::save_weights(const std::string& path, const Metadata& metadata) {
    const auto lock = exclusive();
    return lora_ ? write_adapter(path, lora_->adapter(), metadata) : full_->write(path, metadata);
}

size_t Trainer::save_state(const std::string& path, const std::string& note) {
    const auto lock = exclusive();
    return write_state(path, *parameters_, *optimizer_, {steps_, micro_batches_, note});
}

std::string Trainer::load_state(const std::string& path) {
    const auto lock = exclusive();
    TrainingState state = read_state(path, *parameters_, *optimizer_);
    steps_ = state.steps;
    micro_batches_ = state.micro_batches;
    drop_gradients();
    return state.note;
}

void Trainer::set_checkpointing(bool on) {
    const auto lock = exclusive();
    engine_->set_checkpointing(on);
}

Trainer::Memory Trainer::memory(int64_t tokens, int64_t labelled, bool checkpointing) const {
    int64_t optimizer = 0;
    for (const StateArray& array : optimizer_->state())
        optimizer += array.count * static_cast<int64_t>(ggml_type_size(array.type));
    const int64_t parameters = 2 * parameters_->size() * static_cast<int64_t>(sizeof(float));
    return {lora_ ? lora_->base_bytes() : 0, parameters + optimizer,
            engine_->bytes_needed(tokens, labelled, checkpointing)};
}

int64_t Trainer::trainable() const {
    int64_t total = 0;
    for (const Parameter& p : parameters_->list()) total += p.size();
    return total;
}

} // namespace medilora
