#include "gguf/model_check.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

namespace medilora {

namespace {

// LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS of src/llama-hparams.h, which is no public header.
constexpr uint32_t kMaxLayers = 512, kMaxExperts = 1024;

/// The keys of one architecture, in the types in which llama.cpp takes them.
class ModelKeys {
  public:
    explicit ModelKeys(const GgufFile& file)
        : architecture(file.string("general.architecture", "")), file_(file), prefix_(architecture + ".") {}

    std::optional<uint32_t> count(const std::string& key) const {
        const int64_t id = find(key, GGUF_TYPE_UINT32);
        return id < 0 ? std::nullopt : std::optional(gguf_get_val_u32(file_.context(), id));
    }

    std::optional<float> real(const std::string& key) const {
        const int64_t id = find(key, GGUF_TYPE_FLOAT32);
        return id < 0 ? std::nullopt : std::optional(gguf_get_val_f32(file_.context(), id));
    }

    /// One value for each layer, from a number or an array of them; empty when there is none of that kind.
    std::vector<uint32_t> per_layer(const std::string& key, uint32_t layers) const {
        if (const auto value = count(key)) return std::vector<uint32_t>(layers, *value);
        const int64_t id = find(key, GGUF_TYPE_ARRAY);
        if (id < 0 || gguf_get_arr_n(file_.context(), id) != layers) return {};
        const gguf_type type = gguf_get_arr_type(file_.context(), id);
        if (type != GGUF_TYPE_UINT32 && type != GGUF_TYPE_INT32) return {};
        const auto* values = static_cast<const uint32_t*>(gguf_get_arr_data(file_.context(), id));
        return std::vector<uint32_t>(values, values + layers);
    }

    /// Throws unless `good`; `what` goes on from the key's name.
    void require(bool good, const std::string& key, const std::string& what) const {
        if (!good) file_.invalid("the metadata key " + prefix_ + key + " " + what);
    }

    const GgufFile& file() const { return file_; }
    const std::string& prefix() const { return prefix_; }

    const std::string architecture;

  private:
    int64_t find(const std::string& key, gguf_type type) const {
        const int64_t id = gguf_find_key(file_.context(), (prefix_ + key).c_str());
        return id >= 0 && gguf_get_kv_type(file_.context(), id) == type ? id : -1;
    }

    const GgufFile& file_;
    const std::string prefix_;
};

void check_layers(const ModelKeys& keys, uint32_t layers) {
    keys.require(layers > 0 && layers <= kMaxLayers, "block_count", "is not from 1 to " + std::to_string(kMaxLayers));
    for (const char* key : {"nextn_predict_layers", "posnet.block_count", "convnext.block_count"})
        keys.require(keys.count(key).value_or(0) <= layers, key, "is larger than the number of layers");
}

void check_expert_groups(const ModelKeys& keys, uint32_t experts) {
    const uint32_t groups = keys.count("expert_group_count").value_or(0);
    keys.require(groups == 0 || groups < experts, "expert_group_count", "is not below the number of experts");
    if (groups <= 1) return;
    const uint32_t groups_used = keys.count("expert_group_used_count").value_or(0);
    keys.require(experts % groups == 0, "expert_group_count", "does not divide the number of experts");
    keys.require(groups_used > 0 && groups_used < groups, "expert_group_used_count",
                 "is not from 1 to the number of groups less one");
}

void check_experts(const ModelKeys& keys, uint32_t layers) {
    static const std::set<std::string> only_experts{"bailingmoe2", "glm4moe", "grovemoe", "llada-moe", "smallthinker"};
    const uint32_t experts = keys.count("expert_count").value_or(0);
    // llama.cpp takes a single expert of these as none.
    const bool none_of_one = keys.architecture == "hunyuan-dense" || keys.architecture == "hunyuan_vl";
    if (experts <= 1 && none_of_one) return check_expert_groups(keys, 0);
    const std::vector<uint32_t> used = keys.per_layer("expert_used_count", layers);
    const uint32_t most_used = used.empty() ? 0 : *std::max_element(used.begin(), used.end());
    keys.require(experts > 0 || only_experts.count(keys.architecture) == 0, "expert_count", "is missing or 0");
    keys.require(experts <= kMaxExperts, "expert_count", "is above " + std::to_string(kMaxExperts));
    keys.require(most_used <= experts, "expert_used_count", "is larger than the number of experts");
    keys.require(experts == 0 || most_used > 0, "expert_used_count", "is missing or 0 in a mixture of experts");
    check_expert_groups(keys, experts);
}

void check_heads(const ModelKeys& keys, uint32_t layers) {
    const std::vector<uint32_t> heads = keys.per_layer("attention.head_count", layers);
    const std::vector<uint32_t> heads_kv = keys.per_layer("attention.head_count_kv", layers);
    for (size_t i = 0; i < std::min(heads.size(), heads_kv.size()); ++i)
        keys.require(heads_kv[i] == 0 || heads[i] % heads_kv[i] == 0, "attention.head_count_kv",
                     "does not divide the number of heads");
}

void check_rope_scaling(const ModelKeys& keys) {
    static const std::set<std::string> known{"none", "linear", "yarn", "longrope"};
    const std::string key = "rope.scaling.type";
    keys.require(known.count(keys.file().string(keys.prefix() + key, "linear")) > 0, key,
                 "is none of none, linear, yarn, longrope");
    for (const char* factor : {"rope.scaling.factor", "rope.scale_linear"})
        keys.require(keys.real(factor).value_or(1) >= 0, factor, "is negative");
}

void check_reals(const ModelKeys& keys) {
    const gguf_context* context = keys.file().context();
    for (int64_t id = 0; id < gguf_get_n_kv(context); ++id) {
        const std::string name = gguf_get_key(context, id);
        if (name.rfind(keys.prefix(), 0) != 0 || gguf_get_kv_type(context, id) != GGUF_TYPE_FLOAT32) continue;
        keys.require(std::isfinite(gguf_get_val_f32(context, id)), name.substr(keys.prefix().size()),
                     "is not a finite number");
    }
    for (const char* key :
         {"attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.group_norm_epsilon"})
        keys.require(keys.real(key).value_or(0) >= 0, key, "is negative");
}

/// What the graphs of llama, qwen2 and qwen3 assert of their heads.
void check_known_graph(const ModelKeys& keys, uint32_t layers) {
    const std::vector<uint32_t> heads = keys.per_layer("attention.head_count", layers);
    const auto embedding = keys.count("embedding_length");
    if (heads.empty() || !embedding) return;
    keys.require(*embedding > 0, "embedding_length", "is 0");
    for (const uint32_t n : heads)
        keys.require(n > 0 && n <= *embedding, "attention.head_count", "is not from 1 to the embedding length");
    for (const uint32_t n : keys.per_layer("attention.head_count_kv", layers))
        keys.require(n > 0, "attention.head_count_kv", "is 0");
    const uint32_t head = keys.count("attention.key_length").value_or(*embedding / heads[0]);
    keys.require(head > 0 && head % 2 == 0, "attention.key_length", "is not a positive even number");
    keys.require(keys.count("attention.value_length").value_or(*embedding / heads[0]) == head, "attention.value_length",
                 "differs from the size of a key head");
    keys.require(keys.count("rope.dimension_count").value_or(head) == head, "rope.dimension_count",
                 "differs from the size of a head");
    keys.require(keys.real("rope.freq_base").value_or(1) > 0, "rope.freq_base", "is not positive");
    if (keys.architecture != "qwen2") return;
    for (const uint32_t n : heads)
        keys.require(uint64_t{n} * head == *embedding, "attention.head_count",
                     "times the size of a head is not the embedding length");
}

/// What the graphs of bert and nomic-bert assert of their heads.
void check_encoder_graph(const ModelKeys& keys, uint32_t layers) {
    const uint32_t embedding = keys.count("embedding_length").value_or(0);
    keys.require(embedding > 0, "embedding_length", "is missing or 0");
    const std::vector<uint32_t> heads = keys.per_layer("attention.head_count", layers);
    keys.require(!heads.empty(), "attention.head_count", "is missing");
    for (const uint32_t n : heads)
        keys.require(n > 0 && embedding % n == 0 && embedding / n % 2 == 0, "attention.head_count",
                     "does not divide the embedding length into heads of even size");
    for (const uint32_t n : keys.per_layer("attention.head_count_kv", layers))
        keys.require(n > 0, "attention.head_count_kv", "is 0");
    for (const char* key : {"attention.key_length", "attention.value_length", "rope.dimension_count"})
        keys.require(keys.count(key).value_or(embedding / heads[0]) == embedding / heads[0], key,
                     "differs from the size of a head");
    keys.require(keys.real("rope.freq_base").value_or(1) > 0, "rope.freq_base", "is not positive");
    keys.require(keys.count("context_length").value_or(0) > 0, "context_length", "is missing or 0");
}

} // namespace

void check_model_metadata(const GgufFile& file) {
    const ModelKeys keys(file);
    check_reals(keys);
    check_rope_scaling(keys);
    const auto layers = keys.count("block_count");
    if (!layers) return;
    check_layers(keys, *layers);
    check_experts(keys, *layers);
    check_heads(keys, *layers);
    if (keys.architecture == "llama" || keys.architecture == "qwen2" || keys.architecture == "qwen3")
        check_known_graph(keys, *layers);
    if (keys.architecture == "bert" || keys.architecture == "nomic-bert") check_encoder_graph(keys, *layers);
}

} // namespace medilora
