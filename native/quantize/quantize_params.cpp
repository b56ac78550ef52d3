#include "quantize/quantize_params.h"

#include <cstring>

namespace medilora {

namespace {

/// Experts that no token was routed to count as equally important everywhere.
std::vector<float> means(const ImatrixEntry& entry) {
    std::vector<float> out(entry.sums.size());
    const size_t columns = entry.sums.size() / entry.counts.size();
    for (size_t i = 0; i < out.size(); ++i) {
        const auto count = static_cast<float>(entry.counts[i / columns]);
        out[i] = count > 0 ? entry.sums[i] / count : 1;
    }
    return out;
}

} // namespace

QuantizeParams::QuantizeParams(llama_ftype type) : params_(llama_model_quantize_default_params()) {
    params_.ftype = type;
}

void QuantizeParams::set_tensor_types(const TensorTypes& types) {
    params_.output_tensor_type = types.output.value_or(GGML_TYPE_COUNT);
    params_.token_embedding_type = types.embedding.value_or(GGML_TYPE_COUNT);
    params_.pure = types.pure;
    if (types.rules.empty()) return;
    rules_ = types.rules;
    for (const TensorTypeRule& rule : rules_) overrides_.push_back({rule.pattern.c_str(), rule.type});
    overrides_.push_back({nullptr, GGML_TYPE_COUNT});
    params_.tt_overrides = overrides_.data();
}

void QuantizeParams::set_imatrix(const Imatrix& imatrix, const std::string& path) {
    for (const auto& [name, entry] : imatrix.entries) means_.emplace_back(name, means(entry));
    for (const auto& [name, values] : means_) importance_.push_back({name.c_str(), values.data(), values.size()});
    importance_.push_back({nullptr, nullptr, 0});
    params_.imatrix = importance_.data();
    note("quantize.imatrix.file", path);
    if (!imatrix.datasets.empty()) note("quantize.imatrix.dataset", imatrix.datasets.front());
    note("quantize.imatrix.entries_count", static_cast<int64_t>(imatrix.entries.size()));
    if (imatrix.chunk_count > 0) note("quantize.imatrix.chunks_count", imatrix.chunk_count);
    metadata_.push_back({}); // An empty key ends the list.
    params_.kv_overrides = metadata_.data();
}

void QuantizeParams::note(const char* key, const std::string& text) {
    llama_model_kv_override value{};
    value.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    std::strncpy(value.key, key, sizeof(value.key) - 1);
    std::strncpy(value.val_str, text.c_str(), sizeof(value.val_str) - 1);
    metadata_.push_back(value);
}

void QuantizeParams::note(const char* key, int64_t number) {
    llama_model_kv_override value{};
    value.tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    std::strncpy(value.key, key, sizeof(value.key) - 1);
    value.val_i64 = number;
    metadata_.push_back(value);
}

} // namespace medilora
