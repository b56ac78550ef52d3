#include "model/weights.h"

#include "util/error.h"

namespace medilora {

const char* module_name(Module module) {
    static const char* const names[kModules] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                                "ffn_gate", "ffn_up", "ffn_down"};
    return names[static_cast<int>(module)];
}

int64_t module_in(const Hparams& h, Module module) {
    if (module == Module::kO) return h.q_size();
    return module == Module::kDown ? h.n_ff : h.n_embd;
}

int64_t module_out(const Hparams& h, Module module) {
    switch (module) {
    case Module::kQ:
        return h.q_size();
    case Module::kK:
    case Module::kV:
        return h.kv_size();
    case Module::kGate:
    case Module::kUp:
        return h.n_ff;
    default:
        return h.n_embd;
    }
}

std::string module_tensor(int64_t layer, Module module) {
    return "blk." + std::to_string(layer) + "." + module_name(module) + ".weight";
}

std::string module_bias(int64_t layer, Module module) {
    return "blk." + std::to_string(layer) + "." + module_name(module) + ".bias";
}

bool has_bias(const Hparams& h, Module module) {
    return h.qkv_bias && module <= Module::kV;
}

std::vector<TensorSpec> model_tensors(const Hparams& h) {
    std::vector<TensorSpec> specs{{"token_embd.weight", {h.n_embd, h.n_vocab}}};
    for (int64_t i = 0; i < h.n_layer; ++i) {
        const std::string p = "blk." + std::to_string(i) + ".";
        specs.push_back({p + "attn_norm.weight", {h.n_embd}});
        specs.push_back({p + "ffn_norm.weight", {h.n_embd}});
        if (h.qk_norm) specs.push_back({p + "attn_q_norm.weight", {h.head_dim}});
        if (h.qk_norm) specs.push_back({p + "attn_k_norm.weight", {h.head_dim}});
        for (int m = 0; m < kModules; ++m) {
            const Module module = static_cast<Module>(m);
            specs.push_back({module_tensor(i, module), {module_in(h, module), module_out(h, module)}});
            if (has_bias(h, module)) specs.push_back({module_bias(i, module), {module_out(h, module)}});
        }
    }
    specs.push_back({"output_norm.weight", {h.n_embd}});
    if (!h.tied_output) specs.push_back({"output.weight", {h.n_embd, h.n_vocab}});
    return specs;
}

const GgufTensor& require_tensor(const GgufFile& file, const TensorSpec& spec) {
    const GgufTensor* tensor = file.find(spec.name);
    if (tensor == nullptr)
        throw Error("MODEL_INVALID", file.path() + " has no tensor " + spec.name + ". Convert the model again.");
    const int64_t rows = spec.ne.size() > 1 ? spec.ne[1] : 1;
    if (tensor->ne[0] != spec.ne[0] || tensor->ne[1] != rows || tensor->ne[2] != 1 || tensor->ne[3] != 1)
        throw Error("MODEL_INVALID", file.path() + ": " + spec.name + " has the shape [" +
                                         std::to_string(tensor->ne[0]) + ", " + std::to_string(tensor->ne[1]) +
                                         "], expected [" + std::to_string(spec.ne[0]) + ", " + std::to_string(rows) +
                                         "]. Convert the model again.");
    if (!can_dequantize(tensor->type))
        throw Error("TYPE_UNSUPPORTED", file.path() + ": " + spec.name + " is of type " + ggml_type_name(tensor->type) +
                                            ", which cannot be dequantised. Use a model in another quantisation.");
    return *tensor;
}

MappedWeights::MappedWeights(const GgufFile& file, const Hparams& h) {
    for (const TensorSpec& spec : model_tensors(h)) require_tensor(file, spec);
    auto vector = [&](const std::string& name) {
        const GgufTensor* tensor = file.find(name);
        vectors_.emplace_back(tensor->ne[0]); // moving a vector of vectors leaves the floats where they are
        dequantize_row(tensor->type, tensor->data, vectors_.back().data(), tensor->ne[0]);
        return static_cast<const float*>(vectors_.back().data());
    };
    auto matrix = [&](const std::string& name) {
        const GgufTensor* tensor = file.find(name);
        return WeightView{tensor->type, tensor->data, tensor->ne[1], tensor->ne[0]};
    };
    table_ = build_weight_table(h, vector, matrix);
}

} // namespace medilora
