#include "adapter/adapter_file.h"

#include <cmath>

#include "gguf/finite.h"
#include "gguf/gguf_writer.h"
#include "util/error.h"

namespace medilora {

namespace {

const std::string kSuffixA = ".lora_a", kSuffixB = ".lora_b";

bool ends_with(const std::string& text, const std::string& suffix) {
    return text.size() > suffix.size() && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

[[noreturn]] void invalid(const std::string& path, const std::string& what) {
    throw Error("ADAPTER_INVALID", path + " is not a usable LoRA adapter: " + what +
                                       ". Use an adapter that medilora or llama.cpp's convert_lora_to_gguf.py wrote.");
}

void check_matrix(const std::string& path, const GgufTensor& tensor) {
    if (tensor.ne[2] != 1 || tensor.ne[3] != 1) invalid(path, tensor.name + " is no matrix");
    if (!can_dequantize(tensor.type)) invalid(path, tensor.name + " has a type that cannot be read");
}

} // namespace

AdapterFile::AdapterFile(const std::string& path) : file_(path, "ADAPTER_INVALID") {
    if (file_.string("general.type", "") != "adapter" || file_.string("adapter.type", "") != "lora")
        invalid(path, "its metadata does not say general.type = adapter, adapter.type = lora");
    architecture_ = file_.string("general.architecture");
    alpha_ = static_cast<float>(file_.real("adapter.lora.alpha"));
    if (!std::isfinite(alpha_)) invalid(path, "its adapter.lora.alpha is not a finite number");
    index_pairs();
}

void AdapterFile::index_pairs() {
    for (const GgufTensor& a : file_.tensors()) {
        check_matrix(path(), a);
        if (ends_with(a.name, kSuffixB)) {
            if (file_.find(a.name.substr(0, a.name.size() - 1) + "a") == nullptr)
                invalid(path(), a.name + " has no lora_a");
            continue;
        }
        if (!ends_with(a.name, kSuffixA)) invalid(path(), "the tensor " + a.name + " is no part of a LoRA");
        const std::string base = a.name.substr(0, a.name.size() - kSuffixA.size());
        const GgufTensor* b = file_.find(base + kSuffixB);
        if (b == nullptr) invalid(path(), a.name + " has no lora_b");
        if (b->ne[0] != a.ne[1]) invalid(path(), base + " has a lora_a and a lora_b of different rank");
        pairs_[base] = {a.ne[1], a.ne[0], b->ne[1]};
    }
    if (pairs_.empty()) invalid(path(), "it has no tensors");
}

std::vector<float> AdapterFile::read_matrix(const std::string& name) const {
    const GgufTensor& tensor = *file_.find(name);
    std::vector<float> out(static_cast<size_t>(tensor.elements()));
    for (int64_t row = 0; row < tensor.ne[1]; ++row)
        dequantize_row(tensor.type, static_cast<const char*>(tensor.data) + row * tensor.row_bytes(),
                       out.data() + row * tensor.ne[0], tensor.ne[0]);
    if (!all_finite(GGML_TYPE_F32, out.data(), out.size())) invalid(path(), name + " holds NaN or infinity");
    return out;
}

AdapterPair AdapterFile::read(const std::string& name) const {
    return {pairs_.at(name), read_matrix(name + kSuffixA), read_matrix(name + kSuffixB)};
}

Adapter AdapterFile::read_all() const {
    Adapter adapter{architecture_, alpha_, {}};
    for (const auto& [name, shape] : pairs_) adapter.pairs[name] = read(name);
    return adapter;
}

void check_adapter_fits(const AdapterFile& adapter, const GgufFile& base) {
    auto mismatch = [&](const std::string& what) {
        throw Error("ADAPTER_MISMATCH", adapter.path() + " does not belong to " + base.path() + ": " + what +
                                            ". Use the base model that the adapter was trained on.");
    };
    const std::string architecture = base.string("general.architecture");
    if (architecture != adapter.architecture())
        mismatch("the adapter is for \"" + adapter.architecture() + "\", the model is \"" + architecture + "\"");
    for (const auto& [name, pair] : adapter.pairs()) {
        const GgufTensor* tensor = base.find(name);
        if (tensor == nullptr) mismatch("the model has no tensor " + name);
        if (tensor->ne[0] != pair.in || tensor->rows() != pair.out)
            mismatch(name + " is [" + std::to_string(tensor->ne[0]) + ", " + std::to_string(tensor->rows()) +
                     "] in the model, [" + std::to_string(pair.in) + ", " + std::to_string(pair.out) +
                     "] in the adapter");
    }
}

size_t write_adapter(const std::string& path, const Adapter& adapter, const Metadata& metadata) {
    GgufWriter writer;
    gguf_set_val_str(writer.metadata(), "general.type", "adapter");
    gguf_set_val_str(writer.metadata(), "general.architecture", adapter.architecture.c_str());
    gguf_set_val_str(writer.metadata(), "adapter.type", "lora");
    gguf_set_val_f32(writer.metadata(), "adapter.lora.alpha", adapter.alpha);
    writer.set_texts(metadata);
    for (const auto& [name, pair] : adapter.pairs) {
        writer.declare(name + kSuffixA, GGML_TYPE_F32, {pair.in, pair.rank});
        writer.declare(name + kSuffixB, GGML_TYPE_F32, {pair.rank, pair.out});
    }
    writer.begin(path);
    for (const auto& [name, pair] : adapter.pairs)
        for (const auto* values : {&pair.a, &pair.b}) {
            writer.write(values->data(), values->size() * sizeof(float));
            writer.end_tensor();
        }
    return writer.commit();
}

} // namespace medilora
