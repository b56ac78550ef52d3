#include "model/hparams.h"

#include "util/error.h"

namespace medilora {

namespace {

/// Features of the llama architecture in GGUF that change the forward pass and that we do not compute yet.
void refuse_unsupported(const GgufFile& file, const std::string& prefix) {
    auto refuse = [&](const std::string& what) {
        throw Error("ARCHITECTURE_UNSUPPORTED",
                    file.path() + " uses " + what +
                        ", which medilora cannot train. Use a plain Llama or Mistral model.");
    };
    if (file.integer(prefix + "expert_count", 0) > 0) refuse("a mixture of experts");
    const std::string scaling = file.string(prefix + "rope.scaling.type", "none");
    if (scaling != "none" || file.find("rope_freqs.weight") != nullptr) refuse("RoPE scaling");
    if (file.real(prefix + "rope.scale_linear", 1.0) != 1.0) refuse("RoPE scaling");
    for (const auto& tensor : file.tensors()) {
        const bool bias = tensor.name.size() > 5 && tensor.name.compare(tensor.name.size() - 5, 5, ".bias") == 0;
        if (bias) refuse("biases (" + tensor.name + ")");
    }
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
    require(h.rms_eps > 0 && h.rope_base > 0, "the norm's epsilon and the RoPE base must be positive");
}

Hparams read_hparams(const GgufFile& file) {
    Hparams h;
    h.architecture = file.string("general.architecture");
    if (h.architecture != "llama")
        throw Error("ARCHITECTURE_UNSUPPORTED", file.path() + " has the architecture \"" + h.architecture +
                                                    "\". medilora trains: llama (Llama, Mistral).");
    const std::string p = h.architecture + ".";
    refuse_unsupported(file, p);
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
    if (file.integer(p + "attention.value_length", h.head_dim) != h.head_dim)
        throw Error("ARCHITECTURE_UNSUPPORTED", file.path() + " has value heads of another size than its key heads.");
    const GgufTensor* embedding = file.find("token_embd.weight");
    if (embedding == nullptr)
        throw Error("MODEL_INVALID", file.path() + " has no token_embd.weight; it is no whole model.");
    h.n_vocab = embedding->ne[1];
    check_hparams(h, "MODEL_INVALID", file.path());
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
