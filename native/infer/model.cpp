#include "infer/model.h"

#include "gemm/choose.h"
#include "infer/adapter_check.h"
#include "util/error.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

struct Progress {
    const Cancel& cancel;
    const LoadProgress& report;
    int percent = -1;
};

/// llama.cpp stops loading when this returns false. A report for each full percent is enough.
bool on_progress(float fraction, void* data) {
    auto& progress = *static_cast<Progress*>(data);
    const int percent = static_cast<int>(fraction * 100);
    if (percent > progress.percent && progress.report) {
        progress.percent = percent;
        progress.report(fraction);
    }
    return !progress.cancel.requested();
}

llama_model* load(const ModelOptions& options, bool repack, const Cancel& cancel, const LoadProgress& report) {
    Progress progress{cancel, report};
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = options.gpu_layers;
    params.load_mode = llama_supports_mmap() ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    params.use_extra_bufts = repack;
    params.vocab_only = options.vocab_only;
    params.progress_callback = on_progress;
    params.progress_callback_user_data = &progress;
    LogErrors errors;
    llama_model* model = llama_model_load_from_file(options.path.c_str(), params);
    if (model != nullptr) return model;
    cancel.check();
    throw Error("MODEL_INVALID", options.path + " cannot be loaded (" + errors.text() +
                                     "). Use a GGUF model of an architecture that llama.cpp knows.");
}

} // namespace

InferModel::InferModel(const ModelOptions& options, const Cancel& cancel, const LoadProgress& progress) {
    cancel.check();
    const GgufSummary summary = check_gguf(options.path, "MODEL_INVALID");
    if (summary.kind == "adapter")
        throw Error("MODEL_INVALID", options.path + " is an adapter. Give its base as the model.");
    if (!summary.has_vocabulary) throw Error("MODEL_INVALID", options.path + " has no vocabulary. Convert it again.");
    if (!summary.is_causal && !options.vocab_only && !options.embedding_only)
        throw Error("ARCHITECTURE_UNSUPPORTED", options.path + " has attention to later tokens, so it cannot generate "
                                                               "text. Use a decoder-only model.");
    for (const AdapterSpec& adapter : options.adapters) check_adapter(adapter.path, summary);
    repacked_ = options.repack.value_or(!gemm_backend_wanted() || options.gpu_layers > 0);
    model_.reset(load(options, repacked_, cancel, progress));
    for (const AdapterSpec& adapter : options.adapters) {
        cancel.check();
        load_adapter(adapter, summary);
    }
}

void InferModel::load_adapter(const AdapterSpec& spec, const GgufSummary& base) {
    LogErrors errors;
    llama_adapter_lora* adapter = llama_adapter_lora_init(model_.get(), spec.path.c_str());
    if (adapter == nullptr)
        throw Error("ADAPTER_MISMATCH", spec.path + " cannot be used with this " + base.architecture + " model (" +
                                            errors.text() + "). Use the base model that the adapter was trained on.");
    adapters_.emplace_back(adapter);
    scales_.push_back(spec.scale);
}

void InferModel::apply_adapters(llama_context* context) const {
    if (adapters_.empty()) return;
    std::vector<llama_adapter_lora*> adapters;
    for (const auto& adapter : adapters_) adapters.push_back(adapter.get());
    std::vector<float> scales = scales_;
    if (llama_set_adapters_lora(context, adapters.data(), adapters.size(), scales.data()) != 0)
        throw Error("ADAPTER_INVALID", "llama.cpp refused the adapters. Convert or train them again.");
}

} // namespace medilora
