#include "train/full_model.h"

#include <algorithm>
#include <cmath>

#include "gguf/gguf_writer.h"
#include "gguf/split.h"
#include "train/dropout.h"
#include "util/error.h"

namespace medilora {

namespace {

/// Box-Muller on the counter-based generator.
void normal_init(float* out, int64_t count, float deviation, uint64_t key) {
    for (int64_t i = 0; i < count; ++i) {
        const double u = 1.0 - counter_uniform(key, static_cast<uint64_t>(2 * i));
        const double angle = 6.283185307179586 * counter_uniform(key, static_cast<uint64_t>(2 * i + 1));
        out[i] = static_cast<float>(deviation * std::sqrt(-2.0 * std::log(u)) * std::cos(angle));
    }
}

bool ends_with(const std::string& text, const char* suffix) {
    const std::string s = suffix;
    return text.size() >= s.size() && text.compare(text.size() - s.size(), s.size(), s) == 0;
}

/// Drops every key that does not describe the tokenizer: they would describe another model.
void keep_tokenizer_only(gguf_context* context) {
    for (int64_t i = gguf_get_n_kv(context) - 1; i >= 0; --i) {
        const std::string key = gguf_get_key(context, i);
        if (key.rfind("tokenizer.", 0) != 0) gguf_remove_key(context, key.c_str());
    }
}

} // namespace

FullModel::FullModel(const std::string& model, int64_t layers) : source_(model), keep_metadata_(true) {
    const GgufModel file(model);
    const Hparams h = read_hparams(file, layers);
    for (const TensorSpec& spec : model_tensors(h)) require_tensor(file, spec);
    build(h);
    for (const Parameter& p : parameters_.list()) {
        const GgufTensor& tensor = *file.find(p.name);
        for (int64_t row = 0; row < p.rows; ++row)
            dequantize_row(tensor.type, static_cast<const char*>(tensor.data) + row * tensor.row_bytes(),
                           parameters_.value(p) + row * p.cols, p.cols);
    }
}

FullModel::FullModel(Hparams h, const std::string& tokenizer_model, uint64_t seed)
    : source_(tokenizer_model), keep_metadata_(false) {
    const GgufFile file(tokenizer_model);
    const int64_t tokens = gguf_find_key(file.context(), "tokenizer.ggml.tokens");
    if (tokens < 0) throw Error("MODEL_INVALID", tokenizer_model + " holds no tokenizer. Name a GGUF that does.");
    h.n_vocab = static_cast<int64_t>(gguf_get_arr_n(file.context(), tokens));
    check_hparams(h, "ARGUMENT_INVALID", "model_config");
    build(h);
    const float residual = 1.0f / std::sqrt(2.0f * static_cast<float>(h.n_layer));
    for (const Parameter& p : parameters_.list()) {
        const bool writes_residual = ends_with(p.name, "attn_output.weight") || ends_with(p.name, "ffn_down.weight");
        const uint64_t key = mix64(seed ^ mix64(static_cast<uint64_t>(p.offset) + 1));
        if (!p.decay)
            std::fill_n(parameters_.value(p), p.size(), 1.0f);
        else
            normal_init(parameters_.value(p), p.size(), writes_residual ? 0.02f * residual : 0.02f, key);
    }
}

void FullModel::build(const Hparams& h) {
    for (const TensorSpec& spec : model_tensors(h)) {
        const bool matrix = spec.ne.size() == 2;
        parameters_.add(spec.name, matrix ? spec.ne[1] : 1, spec.ne[0], matrix);
    }
    parameters_.allocate();
    auto vector = [&](const std::string& name) {
        return static_cast<const float*>(parameters_.value(*parameters_.find(name)));
    };
    auto matrix = [&](const std::string& name) {
        const Parameter& p = *parameters_.find(name);
        return WeightView{GGML_TYPE_F32, parameters_.value(p), p.rows, p.cols};
    };
    network_ = std::make_unique<Network>(h, build_weight_table(h, vector, matrix));
    connect_gradients(h);
}

void FullModel::connect_gradients(const Hparams& h) {
    auto gradient = [&](const std::string& name) { return parameters_.gradient(*parameters_.find(name)); };
    network_->lowest = 0;
    network_->embedding_gradient = gradient("token_embd.weight");
    network_->output_gradient = h.tied_output ? network_->embedding_gradient : gradient("output.weight");
    network_->output_norm_gradient = gradient("output_norm.weight");
    for (int64_t i = 0; i < h.n_layer; ++i) {
        const std::string p = "blk." + std::to_string(i) + ".";
        Block& block = network_->blocks[i];
        block.attn_norm_gradient = gradient(p + "attn_norm.weight");
        block.ffn_norm_gradient = gradient(p + "ffn_norm.weight");
        if (h.qk_norm) block.q_norm_gradient = gradient(p + "attn_q_norm.weight");
        if (h.qk_norm) block.k_norm_gradient = gradient(p + "attn_k_norm.weight");
        for (int m = 0; m < kModules; ++m) {
            const Module module = static_cast<Module>(m);
            block.linear[m].weight_gradient = gradient(module_tensor(i, module));
            if (has_bias(h, module)) block.linear[m].bias_gradient = gradient(module_bias(i, module));
        }
    }
}

size_t FullModel::write(const std::string& path, const Metadata& metadata) {
    const GgufFile source(source_);
    GgufWriter writer;
    gguf_context* context = writer.metadata();
    gguf_set_kv(context, source.context());
    remove_split_metadata(context);
    if (!keep_metadata_) keep_tokenizer_only(context);
    write_hparams(context, network_->hparams);
    gguf_set_val_str(context, "general.type", "model");
    gguf_set_val_u32(context, "general.file_type", 0); // all F32
    writer.set_texts(metadata);
    for (const Parameter& p : parameters_.list())
        writer.declare(p.name, GGML_TYPE_F32,
                       p.decay ? std::vector<int64_t>{p.cols, p.rows} : std::vector<int64_t>{p.cols});
    const std::vector<float>& divisors = network_->hparams.rope_scaling.divisors;
    if (!divisors.empty()) writer.declare("rope_freqs.weight", GGML_TYPE_F32, {static_cast<int64_t>(divisors.size())});
    writer.begin(path);
    for (const Parameter& p : parameters_.list()) {
        writer.write(parameters_.value(p), p.size() * sizeof(float));
        writer.end_tensor();
    }
    if (!divisors.empty()) {
        writer.write(divisors.data(), divisors.size() * sizeof(float));
        writer.end_tensor();
    }
    return writer.commit();
}

} // namespace medilora
