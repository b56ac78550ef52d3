#include "model/hparams.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "model/weights.h"
#include "util/error.h"

namespace medilora {

namespace {

/// What would change the forward pass and is not computed here.
void refuse_unsupported(const GgufFile& file, const Hparams& h, const std::string& prefix) {
    auto refuse = [&](const std::string& what) {
        throw Error("ARCHITECTURE_UNSUPPORTED",
                    file.path() + " uses " + what +
                        ", which medilora cannot train. Use a plain Llama, Mistral or Qwen model.");
    };
    if (file.integer(prefix + "expert_count", 0) > 0) refuse("a mixture of experts");
    if (file.integer(prefix + "attention.value_length", h.head_dim) != h.head_dim)
        refuse("value heads of another size than its key heads");
    if (file.real(prefix + "attention.scale", 0.0) != 0.0) refuse("an attention scale of its own");
    std::set<std::string> known{"rope_freqs.weight"};
    for (const TensorSpec& spec : model_tensors(h)) known.insert(spec.name);
    for (const GgufTensor& tensor : file.tensors())
        if (known.count(tensor.name) == 0) refuse("the tensor " + tensor.name);
}

/// llama: Llama, Mistral; qwen2: biases, RoPE by halves; qwen3: norms of q and k, RoPE by halves.
void set_architecture(Hparams& h, const GgufFile& file) {
    h.architecture = file.string("general.architecture");
    if (h.architecture != "llama" && h.architecture != "qwen2" && h.architecture != "qwen3")
        throw Error("ARCHITECTURE_UNSUPPORTED", file.path() + " has the architecture \"" + h.architecture +
                                                    "\". medilora trains: llama (Llama, Mistral), qwen2, qwen3.");
    h.rope_halves = h.architecture != "llama";
    h.qkv_bias = h.architecture == "qwen2";
    h.qk_norm = h.architecture == "qwen3";
}

} // namespace

void check_hparams(const Hparams& h, const char* code, const std::string& source) {
    auto require = [&](bool good, const std::string& what) {
        if (!good) throw Error(code, source + ": " + what + ". Check the model's hyper-parameters.");
    };
    require(h.n_vocab > 0 && h.n_vocab < (1 << 24), "the vocabulary's size is not plausible");
    require(h.n_embd > 0 && h.n_embd < (1 << 20), "the embedding length is not plausible");
    require(h.n_layer > 0 && h.n_layer <= 512, "the number of layers is not plausible");
    require(h.n_ff > 0 && h.n_ff < (1 << 24), "the feed-forward length is not plausible");
    require(h.n_ctx > 0, "the context length is not positive");
    require(h.n_head > 0 && h.n_head <= 4096 && h.n_head_kv > 0, "the number of heads is not plausible");
    require(h.n_head % h.n_head_kv == 0, "the number of heads is no multiple of the key-value heads");
    require(h.head_dim > 0 && h.head_dim <= 1024, "the heads' size is not plausible");
    require(h.n_rot > 0 && h.n_rot <= h.head_dim && h.n_rot % 2 == 0, "the RoPE dimension does not fit the head");
    require(h.rms_eps > 0 && h.rope_base > 1 && std::isfinite(h.rms_eps) && std::isfinite(h.rope_base),
            "the norm's epsilon must be positive and the RoPE base above 1");
    require(h.window >= 0, "the sliding window is negative");
}

Hparams read_hparams(const GgufFile& file, int64_t layers) {
    Hparams h;
    set_architecture(h, file);
    const std::string p = h.architecture + ".";
    h.n_embd = file.integer(p + "embedding_length");
    h.n_layer = file.integer(p + "block_count");
    h.n_head = file.integer(p + "attention.head_count");
    h.n_head_kv = file.integer(p + "attention.head_count_kv", h.n_head);
    h.head_dim = file.integer(p + "attention.key_length", h.n_head > 0 ? h.n_embd / h.n_head : 0);
    h.n_ff = file.integer(p + "feed_forward_length");
    h.n_rot = file.integer(p + "rope.dimension_count", h.head_dim);
    h.n_ctx = file.integer(p + "context_length");
    h.rms_eps = static_cast<float>(file.real(p + "attention.layer_norm_rms_epsilon"));
    h.rope_base = file.real(p + "rope.freq_base", 10000.0);
    h.tied_output = file.find("output.weight") == nullptr;
    const GgufTensor* embedding = file.find("token_embd.weight");
    if (embedding == nullptr)
        throw Error("MODEL_INVALID", file.path() + " has no token_embd.weight; it is no whole model.");
    h.n_vocab = embedding->ne[1];
    h.window = file.integer(p + "attention.sliding_window", 0);
    check_hparams(h, "MODEL_INVALID", file.path());
    h.rope_scaling = read_rope_scaling(file, p, h.n_rot, h.n_ctx);
    refuse_unsupported(file, h, p);
    h.n_layer = std::min(h.n_layer, layers);
    return h;
}

void write_hparams(gguf_context* context, const Hparams& h) {
    const std::string p = h.architecture + ".";
    auto count = [&](const char* key, int64_t value) {
        gguf_set_val_u32(context, (p + key).c_str(), static_cast<uint32_t>(value));
    };
    gguf_set_val_str(context, "general.architecture", h.architecture.c_str());
    count("vocab_size", h.n_vocab);
    count("context_length", h.n_ctx);
    count("embedding_length", h.n_embd);
    count("block_count", h.n_layer);
    count("feed_forward_length", h.n_ff);
    count("attention.head_count", h.n_head);
    count("attention.head_count_kv", h.n_head_kv);
    count("attention.key_length", h.head_dim);
    count("attention.value_length", h.head_dim);
    count("rope.dimension_count", h.n_rot);
    gguf_set_val_f32(context, (p + "attention.layer_norm_rms_epsilon").c_str(), h.rms_eps);
    gguf_set_val_f32(context, (p + "rope.freq_base").c_str(), static_cast<float>(h.rope_base));
}

} // namespace medilora
