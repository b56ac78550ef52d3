#include "infer/gguf_check.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "gguf/finite.h"
#include "gguf/gguf_file.h"
#include "gguf/model_check.h"
#include "gguf/split.h"
#include "llama.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

bool has_byte_tokens(const GgufFile& file) {
    const int64_t key = gguf_find_key(file.context(), "tokenizer.ggml.token_type");
    if (key < 0 || gguf_get_kv_type(file.context(), key) != GGUF_TYPE_ARRAY ||
        gguf_get_arr_type(file.context(), key) != GGUF_TYPE_INT32)
        return false;
    const auto* types = static_cast<const int32_t*>(gguf_get_arr_data(file.context(), key));
    const int32_t* end = types + gguf_get_arr_n(file.context(), key);
    return std::find(types, end, int32_t{LLAMA_TOKEN_TYPE_BYTE}) != end;
}

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
    if (model == "bert" && has_byte_tokens(file)) file.invalid("a bert vocabulary has no byte tokens, this one does");
    // llama.cpp looks for it without an end.
    if (model == "rwkv" && seen.count("\\n") == 0) file.invalid("its rwkv vocabulary has no token for a new line");
    return true;
}

bool check_lora_alpha(const GgufFile& file) {
    const int64_t key = gguf_find_key(file.context(), "adapter.lora.alpha");
    if (key < 0) return false;
    if (gguf_get_kv_type(file.context(), key) != GGUF_TYPE_FLOAT32) file.invalid("adapter.lora.alpha is no float32");
    if (!std::isfinite(gguf_get_val_f32(file.context(), key)))
        file.invalid("adapter.lora.alpha is not a finite number");
    return true;
}

/// ggml asserts that the tensors of a memory-mapped model begin at multiples of 32 bytes.
void check_mappable(const GgufFile& file) {
    if (gguf_get_alignment(file.context()) % 32 != 0) file.invalid("its general.alignment is no multiple of 32");
}

bool is_causal(const GgufFile& file, const std::string& architecture) {
    const int64_t key = gguf_find_key(file.context(), (architecture + ".attention.causal").c_str());
    return key < 0 || gguf_get_kv_type(file.context(), key) != GGUF_TYPE_BOOL || gguf_get_val_bool(file.context(), key);
}

void check_finite(const GgufFile& file) {
    for (const GgufTensor& tensor : file.tensors())
        if (!tensor_is_finite(tensor)) file.invalid(tensor.name + " holds NaN or infinity");
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
    summary.is_causal = is_causal(first, summary.architecture);
    summary.has_lora_alpha = check_lora_alpha(first);
    summary.has_vocabulary = check_vocabulary(first);
    collect_tensors(first, summary);
    if (summary.kind == "adapter")
        check_finite(first);
    else
        check_mappable(first);
    const std::vector<std::string> parts = model_parts(first);
    for (size_t i = 1; i < parts.size(); ++i) {
        const GgufFile part(parts[i], invalid_code);
        check_later_part(part);
        collect_tensors(part, summary);
    }
    return summary;
}

} // namespace medilora
