#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "quantize/imatrix_file.h"

namespace medilora {

/// Sums the squares of what goes into the matrix products of a model's layers while its graphs are computed, by weight
/// and column.
class ActivationSums {
  public:
    /// For EngineOptions::on_node; `sums` is an ActivationSums.
    static bool on_node(ggml_tensor* node, bool ask, void* sums);

    void clear();
    /// Adds the sums since clear() to those of the matrix.
    /// Throws MODEL_INVALID, the matrix unchanged, when some are not finite or the graphs could not be read.
    void add_to(Imatrix& matrix) const;

  private:
    struct Sums {
        std::vector<double> squares; ///< [matrices * columns]
        std::vector<int64_t> rows;   ///< [experts] or [1]
    };

    void collect(const ggml_tensor& node);
    void collect_dense(const ggml_tensor& weight, const ggml_tensor& input, const char* data);
    void collect_experts(const ggml_tensor& node, const char* data);
    Sums& sums_of(const std::string& weight, size_t squares, size_t rows);

    std::map<std::string, Sums> sums_; ///< by weight
    std::string failure_;
    std::vector<char> input_, ids_; ///< copies of what is on another device
};

} // namespace medilora
