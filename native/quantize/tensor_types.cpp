#include "quantize/tensor_types.h"

#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <utility>

#include "util/error.h"

namespace medilora {

namespace {

constexpr size_t kLongestPattern = 256;

/// Those of which ggml_quantize_chunk writes rows; ggml has more, for activations only.
const ggml_type kTypes[] = {
    GGML_TYPE_F32,    GGML_TYPE_F16,   GGML_TYPE_BF16,  GGML_TYPE_Q8_0,   GGML_TYPE_Q6_K,    GGML_TYPE_Q5_K,
    GGML_TYPE_Q5_1,   GGML_TYPE_Q5_0,  GGML_TYPE_Q4_K,  GGML_TYPE_Q4_1,   GGML_TYPE_Q4_0,    GGML_TYPE_IQ4_NL,
    GGML_TYPE_IQ4_XS, GGML_TYPE_MXFP4, GGML_TYPE_NVFP4, GGML_TYPE_Q3_K,   GGML_TYPE_IQ3_S,   GGML_TYPE_IQ3_XXS,
    GGML_TYPE_Q2_K,   GGML_TYPE_Q2_0,  GGML_TYPE_IQ2_S, GGML_TYPE_IQ2_XS, GGML_TYPE_IQ2_XXS, GGML_TYPE_TQ2_0,
    GGML_TYPE_TQ1_0,  GGML_TYPE_IQ1_M, GGML_TYPE_IQ1_S, GGML_TYPE_Q1_0,
};

std::string changed(std::string text, int (*change)(int)) {
    for (char& c : text) c = static_cast<char>(change(static_cast<unsigned char>(c)));
    return text;
}

std::string name_of(ggml_type type) {
    return upper_case(ggml_type_name(type));
}

bool is_embedding(const std::string& tensor) {
    return tensor == "token_embd.weight" || tensor == "per_layer_token_embd.weight";
}

/// The main types under which ggml asks for importance of every tensor, also of those for which llama.cpp asks none.
bool pure_needs_importance(const std::string& main_type) {
    static const std::set<std::string> names{"IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_S"};
    return names.count(main_type) > 0;
}

void check_rule(const TensorTypeRule& rule, const std::vector<GgufTensor>& tensors) {
    const std::regex pattern(rule.pattern);
    const bool fits = std::any_of(tensors.begin(), tensors.end(),
                                  [&](const GgufTensor& tensor) { return std::regex_search(tensor.name, pattern); });
    if (!fits)
        throw Error("ARGUMENT_INVALID", "No tensor of the model has a name with '" + rule.pattern +
                                            "' in it. Name a part that there is, such as attn_v or ffn_down.");
}

/// The type that the options give to the embedding or the output, before llama.cpp looks whether it fits the rows;
/// none where llama.cpp's mix decides. The order of precedence is llama.cpp's.
std::optional<ggml_type> explicit_type(const TensorTypes& types, const std::string& tensor, bool tied) {
    if (is_embedding(tensor) && types.embedding) return types.embedding;
    if (!is_embedding(tensor) && types.output) return types.output;
    for (const TensorTypeRule& rule : types.rules)
        if (std::regex_search(tensor, std::regex(rule.pattern))) return rule.type;
    if (is_embedding(tensor) && tied && !types.pure) return types.output;
    return std::nullopt;
}

void check_output_counts(const TensorTypes& types, bool is_float, bool tied) {
    if (types.output && tied && (is_float || types.pure || types.embedding))
        throw Error("ARGUMENT_INVALID", "The model has no output.weight: its token embeddings stand in for it. Use "
                                        "tokenEmbeddingType alone.");
}

void check_rows_fit(const GgufTensor& tensor, ggml_type type) {
    if (tensor.ne[0] % ggml_blck_size(type) == 0) return;
    throw Error("QUANTIZE_FAILED", "The rows of " + tensor.name + " have " + std::to_string(tensor.ne[0]) +
                                       " weights, which are no whole blocks of " +
                                       std::to_string(ggml_blck_size(type)) + " for " + name_of(type) +
                                       ". Choose Q8_0 or F16 for it.");
}

} // namespace

std::string upper_case(std::string text) {
    return changed(std::move(text), std::toupper);
}

ggml_type tensor_type_of(const std::string& name) {
    const std::string wanted = upper_case(name);
    std::string names;
    for (const ggml_type type : kTypes) {
        if (name_of(type) == wanted) return type;
        names += (names.empty() ? "" : ", ") + name_of(type);
    }
    throw Error("TYPE_UNSUPPORTED", "Unknown type of a tensor. Use one of " + names + ".");
}

TensorTypeRule tensor_type_rule(const std::string& pattern, const std::string& type) {
    if (pattern.empty() || pattern.size() > kLongestPattern)
        throw Error("ARGUMENT_INVALID",
                    "The pattern of a tensor type must have 1 to " + std::to_string(kLongestPattern) + " characters.");
    const TensorTypeRule rule{changed(pattern, std::tolower), tensor_type_of(type)};
    try {
        const std::regex compiled(rule.pattern);
    } catch (const std::regex_error&) {
        throw Error("ARGUMENT_INVALID", "The tensor pattern '" + pattern +
                                            "' is no regular expression. Use a part of the names, such as attn_v.");
    }
    return rule;
}

void check_tensor_types(const TensorTypes& types, const std::string& main_type, const std::vector<GgufTensor>& tensors,
                        const std::function<bool(const std::string& tensor)>& has_importance) {
    const bool is_float = main_type == "F32" || main_type == "F16" || main_type == "BF16";
    if (is_float && (!types.rules.empty() || types.pure))
        throw Error("ARGUMENT_INVALID",
                    "Types of single tensors and pure need a quantised main type; " + main_type + " is a float type.");
    for (const TensorTypeRule& rule : types.rules) check_rule(rule, tensors);
    const bool tied = std::none_of(tensors.begin(), tensors.end(),
                                   [](const GgufTensor& tensor) { return tensor.name == "output.weight"; });
    check_output_counts(types, is_float, tied);
    for (const GgufTensor& tensor : tensors) {
        if (!is_embedding(tensor.name) && tensor.name != "output.weight") continue;
        if (const auto& own = is_embedding(tensor.name) ? types.embedding : types.output) check_rows_fit(tensor, *own);
        const auto type = explicit_type(types, tensor.name, tied);
        const bool needs =
            type ? ggml_quantize_requires_imatrix(*type) : types.pure && pure_needs_importance(main_type);
        if (needs && !has_importance(tensor.name))
            throw Error("QUANTIZE_FAILED", (type ? name_of(*type) : main_type) + " needs the importance of " +
                                               tensor.name +
                                               ", which importance matrices leave out. Give it another "
                                               "type, Q4_K for instance, by tokenEmbeddingType and "
                                               "outputTensorType.");
    }
}

} // namespace medilora
