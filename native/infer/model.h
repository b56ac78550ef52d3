#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "infer/gguf_check.h"
#include "llama.h"
#include "util/cancel.h"

namespace medilora {

struct AdapterSpec {
    std::string path;
    float scale = 1.0f; ///< Multiplies the adapter's own alpha / r.
};

struct ModelOptions {
    std::string path;
    std::vector<AdapterSpec> adapters;
    int gpu_layers = 0;
    /// Lets ggml rearrange quantised weights for this processor; left as they are, they serve our matrix products.
    /// Without a choice: left where the model is wide enough for those to gain.
    std::optional<bool> repack;
    bool vocab_only = false;
    bool embedding_only = false; ///< Takes models with attention to later tokens too, which cannot generate.
};

using LoadProgress = std::function<void(float fraction)>;

/// A GGUF model in libllama's hands, memory-mapped, with its adapters.
class InferModel {
  public:
    /// Throws FILE_NOT_FOUND, FILE_READ, MODEL_INVALID, ARCHITECTURE_UNSUPPORTED, ADAPTER_INVALID, ADAPTER_MISMATCH or
    /// ABORTED.
    InferModel(const ModelOptions& options, const Cancel& cancel, const LoadProgress& progress);

    llama_model* get() const { return model_.get(); }
    const llama_vocab* vocab() const { return llama_model_get_vocab(model_.get()); }

    /// Whether ggml rearranged the weights.
    bool repacked() const { return repacked_; }

    /// Turns the adapters on in a context of this model.
    void apply_adapters(llama_context* context) const;

  private:
    struct Freed {
        void operator()(llama_model* model) const { llama_model_free(model); }
        void operator()(llama_adapter_lora* adapter) const { llama_adapter_lora_free(adapter); }
    };

    void load_adapter(const AdapterSpec& spec, const GgufSummary& base);

    bool repacked_ = false;
    std::unique_ptr<llama_model, Freed> model_;
    // After model_, so that they are freed before it.
    std::vector<std::unique_ptr<llama_adapter_lora, Freed>> adapters_;
    std::vector<float> scales_;
};

} // namespace medilora
