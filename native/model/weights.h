#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "gemm/gemm.h"
#include "gguf/gguf_file.h"
#include "model/hparams.h"

namespace medilora {

/// The seven linear layers of a block, in the order of the forward pass.
enum class Module { kQ, kK, kV, kO, kGate, kUp, kDown };
constexpr int kModules = 7;

/// "attn_q", ... : the middle of the tensor's name in GGUF.
const char* module_name(Module module);

/// Input and output width of a block's linear layer.
int64_t module_in(const Hparams& h, Module module);
int64_t module_out(const Hparams& h, Module module);

bool has_bias(const Hparams& h, Module module);

/// "blk.<layer>.<module>.weight"
std::string module_tensor(int64_t layer, Module module);

struct BlockWeights {
    const float* attn_norm;        // [n_embd]
    const float* ffn_norm;         // [n_embd]
    const float* q_norm = nullptr; // [head_dim], null where the architecture has none
    const float* k_norm = nullptr;
    std::array<const float*, kModules> bias{}; // [out], null where the layer has none
    std::array<WeightView, kModules> linear;
};

/// Where every weight of the model is. The memory belongs to whoever made the table.
struct WeightTable {
    WeightView embedding;     // [n_vocab, n_embd]
    WeightView output;        // [n_vocab, n_embd]; the embedding when tied
    const float* output_norm; // [n_embd]
    std::vector<BlockWeights> blocks;
};

/// Names and shapes (ne order) of all tensors of a model with these hyper-parameters, in file order.
struct TensorSpec {
    std::string name;
    std::vector<int64_t> ne;
};
std::vector<TensorSpec> model_tensors(const Hparams& h);

/// The weights of a GGUF, left in the mapped file; only the vectors are turned into float32.
class MappedWeights {
  public:
    /// Throws MODEL_INVALID for missing or misshapen tensors, TYPE_UNSUPPORTED for types ggml cannot read.
    MappedWeights(const GgufFile& file, const Hparams& h);
    const WeightTable& table() const { return table_; }

  private:
    std::vector<std::vector<float>> vectors_;
    WeightTable table_;
};

/// Looks up a tensor and checks its shape. Throws MODEL_INVALID.
const GgufTensor& require_tensor(const GgufFile& file, const TensorSpec& spec);

/// "blk.<layer>.<module>.bias"
std::string module_bias(int64_t layer, Module module);

/// Fills a table by asking for each tensor in turn: vectors as floats, matrices as views.
template <typename VectorSource, typename MatrixSource>
WeightTable build_weight_table(const Hparams& h, VectorSource vector, MatrixSource matrix) {
    WeightTable table;
    table.embedding = matrix("token_embd.weight");
    for (int64_t i = 0; i < h.n_layer; ++i) {
        const std::string p = "blk." + std::to_string(i) + ".";
        BlockWeights block;
        block.attn_norm = vector(p + "attn_norm.weight");
        block.ffn_norm = vector(p + "ffn_norm.weight");
        if (h.qk_norm) block.q_norm = vector(p + "attn_q_norm.weight");
        if (h.qk_norm) block.k_norm = vector(p + "attn_k_norm.weight");
        for (int m = 0; m < kModules; ++m) {
            const Module module = static_cast<Module>(m);
            block.linear[m] = matrix(module_tensor(i, module));
            if (has_bias(h, module)) block.bias[m] = vector(module_bias(i, module));
        }
        table.blocks.push_back(block);
    }
    table.output_norm = vector("output_norm.weight");
    table.output = h.tied_output ? table.embedding : matrix("output.weight");
    return table;
}

} // namespace medilora
