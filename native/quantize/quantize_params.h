#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llama.h"
#include "quantize/imatrix_file.h"
#include "quantize/tensor_types.h"

namespace medilora {

/// The arguments of llama_model_quantize as llama-quantize sets them, with everything that they point to.
class QuantizeParams {
  public:
    explicit QuantizeParams(llama_ftype type);
    QuantizeParams(const QuantizeParams&) = delete;
    QuantizeParams& operator=(const QuantizeParams&) = delete;

    void set_tensor_types(const TensorTypes& types);
    /// Means of squares by column, and metadata that names the matrix: `path` as the caller wrote it, its first 127
    /// bytes.
    void set_imatrix(const Imatrix& imatrix, const std::string& path);

    llama_model_quantize_params& get() { return params_; }

  private:
    void note(const char* key, const std::string& text);
    void note(const char* key, int64_t number);

    llama_model_quantize_params params_;
    std::vector<TensorTypeRule> rules_;
    std::vector<llama_model_tensor_override> overrides_;
    std::vector<std::pair<std::string, std::vector<float>>> means_;
    std::vector<llama_model_imatrix_data> importance_;
    std::vector<llama_model_kv_override> metadata_;
};

} // namespace medilora
