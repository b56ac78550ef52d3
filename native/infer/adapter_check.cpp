#include "infer/adapter_check.h"

#include "util/error.h"

namespace medilora {

namespace {

constexpr const char* suffix_a = ".lora_a";
constexpr const char* suffix_b = ".lora_b";

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

[[noreturn]] void invalid(const std::string& path, const std::string& reason) {
    throw Error("ADAPTER_INVALID", path + " " + reason + " Convert or train the adapter again.");
}

[[noreturn]] void mismatch(const std::string& path, const std::string& reason) {
    throw Error("ADAPTER_MISMATCH",
                path + " does not fit the model: " + reason + " Use the base model that the adapter was trained on.");
}

void check_header(const std::string& path, const GgufSummary& adapter, const GgufSummary& base) {
    if (adapter.kind != "adapter" || adapter.adapter_kind != "lora")
        invalid(path, "is a GGUF file but not a LoRA adapter.");
    if (!adapter.has_lora_alpha) invalid(path, "has no adapter.lora.alpha.");
    if (adapter.architecture != base.architecture)
        mismatch(path, "it is for architecture " + adapter.architecture + ", not " + base.architecture + ".");
}

bool is_multiplicable(const TensorShape& shape) {
    if (shape.type != GGML_TYPE_F32 && shape.type != GGML_TYPE_F16 && shape.type != GGML_TYPE_BF16 &&
        !ggml_is_quantized(shape.type))
        return false;
    for (const int64_t n : shape.ne)
        if (n <= 0) return false;
    return true;
}

/// The token embedding's pair stands the other way round in GGUF: A [r, vocab], B [r, embd].
bool fits(const std::string& name, const TensorShape& a, const TensorShape& b, const TensorShape& base) {
    if (a.ne[2] != base.ne[2] || b.ne[2] != base.ne[2] || a.ne[3] != 1 || b.ne[3] != 1) return false;
    if (ends_with(name, "token_embd.weight"))
        return a.ne[0] == b.ne[0] && b.ne[1] == base.ne[0] && a.ne[1] == base.ne[1];
    return a.ne[1] == b.ne[0] && a.ne[0] == base.ne[0] && b.ne[1] == base.ne[1];
}

void check_pair(const std::string& path, const std::string& name, const GgufSummary& adapter, const GgufSummary& base) {
    const auto a = adapter.tensors.find(name + suffix_a), b = adapter.tensors.find(name + suffix_b);
    if (a == adapter.tensors.end() || b == adapter.tensors.end())
        invalid(path, "has only one half of the pair for " + name + ".");
    if (!is_multiplicable(a->second) || !is_multiplicable(b->second))
        invalid(path, "has an empty or integer tensor for " + name + ".");
    const auto target = base.tensors.find(name);
    if (target == base.tensors.end()) mismatch(path, "the model has no tensor " + name + ".");
    // llama.cpp would apply the pair to the output layer too, where it does not fit, and end the process.
    if (name == "token_embd.weight" && base.tensors.count("output.weight") == 0)
        mismatch(path, "it adapts the token embedding, which is the model's output layer too.");
    if (!fits(name, a->second, b->second, target->second)) mismatch(path, "the shapes differ at " + name + ".");
}

} // namespace

void check_adapter(const std::string& path, const GgufSummary& base) {
    const GgufSummary adapter = check_gguf(path, "ADAPTER_INVALID");
    check_header(path, adapter, base);
    size_t pairs = 0;
    for (const auto& [name, shape] : adapter.tensors) {
        const bool is_a = ends_with(name, suffix_a);
        if (!is_a && !ends_with(name, suffix_b)) invalid(path, "has a tensor that is no LoRA half: " + name + ".");
        check_pair(path, name.substr(0, name.size() - std::string(suffix_a).size()), adapter, base);
        pairs += is_a;
    }
    if (pairs == 0) invalid(path, "has no tensors.");
}

} // namespace medilora
