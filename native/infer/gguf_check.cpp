#include "infer/gguf_check.h"

#include <unordered_set>

#include "gguf/gguf_file.h"
#include "gguf/model_check.h"
#include "gguf/split.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

/// Every token must be a text of its own: llama.cpp ends the process on a doubled one.
bool check_vocabulary(const GgufFile& file) {
    const std::string model = file.string("tokenizer.ggml.model", "");
    const gguf_context* context = file.context();
    const int64_t key = gguf_find_key(context, "tokenizer.ggml.tokens");
    if (key < 0 || model.empty() || model == "none" || model == "no_vocab") return false;
    if (gguf_get_kv_type(context, key) != GGUF_TYPE_ARRAY || gguf_get_arr_type(context, key) != GGUF_TYPE_STRING)
        file.invalid("its tokens are no strings");
    const size_t count = gguf_get_arr_n(context, key);
    if (count == 0) file.invalid("its vocabulary is empty");
    std::unordered_set<std::string> seen;
    for (size_t i = 0; i < count; ++i) {
        std::string text = gguf_get_arr_str(context, key, i);
        if (text.empty()) text = "[EMPTY_" + std::to_string(i) + "]";
        if (!seen.insert(std::move(text)).second)
            file.invalid("it has the same text for two tokens (the second is " + std::to_string(i) + ")");
    }
    return true;
}

bool check_lora_alpha(const GgufFile& file) {
    const int64_t key = gguf_find_key(file.context(), "adapter.lora.alpha");
    if (key < 0) return false;
    if (gguf_get_kv_type(file.context(), key) != GGUF_TYPE_FLOAT32) file.invalid("adapter.lora.alpha is no float32");
    return true;
}

void collect_tensors(const GgufFile& file, GgufSummary& summary) {
    for (const GgufTensor& tensor : file.tensors()) {
        TensorShape shape{{}, tensor.type};
        std::copy(tensor.ne, tensor.ne + GGML_MAX_DIMS, shape.ne.begin());
        summary.tensors[tensor.name] = shape;
    }
}

} // namespace

GgufSummary check_gguf(const std::string& path, const char* invalid_code) {
    init_llama_runtime();
    const GgufFile first(path, invalid_code);
    check_model_metadata(first);
    GgufSummary summary;
    summary.kind = first.string("general.type", "");
    summary.architecture = first.string("general.architecture", "");
    summary.adapter_kind = first.string("adapter.type", "");
    summary.embedding_length = first.integer(summary.architecture + ".embedding_length", 0);
    summary.has_lora_alpha = check_lora_alpha(first);
    summary.has_vocabulary = check_vocabulary(first);
    collect_tensors(first, summary);
    const std::vector<std::string> parts = model_parts(first);
    for (size_t i = 1; i < parts.size(); ++i) {
        const GgufFile part(parts[i], invalid_code);
        check_later_part(part);
        collect_tensors(part, summary);
    }
    return summary;
}

} // namespace medilora
