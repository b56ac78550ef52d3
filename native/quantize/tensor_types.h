#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gguf/gguf_file.h"

namespace medilora {

/// Gives the tensors whose names a regular expression is found in a type of their own; the first rule that fits counts.
struct TensorTypeRule {
    std::string pattern; ///< ECMAScript, in lower case
    ggml_type type;
};

/// Where the types of single tensors differ from llama.cpp's mix.
struct TensorTypes {
    std::vector<TensorTypeRule> rules;
    std::optional<ggml_type> output;    ///< of output.weight, or of token embeddings that stand in for it
    std::optional<ggml_type> embedding; ///< of the token embeddings
    bool pure = false;                  ///< the file's main type for every tensor that has no other rule
};

/// ASCII letters in upper case.
std::string upper_case(std::string text);

/// The type of a name, in any case: F32, F16, BF16 or a quantisation that ggml can write.
/// Throws TYPE_UNSUPPORTED, listing them.
ggml_type tensor_type_of(const std::string& name);

/// A rule whose pattern is made as llama-quantize makes it: in lower case. Throws ARGUMENT_INVALID for one that is no
/// regular expression.
TensorTypeRule tensor_type_rule(const std::string& pattern, const std::string& type);

/// Throws what llama.cpp would pass over in silence or end the process on: ARGUMENT_INVALID for a rule that fits no
/// tensor, QUANTIZE_FAILED for an embedding or output type that its rows do not fit or that cannot do without the
/// importance that `has_importance` denies. `main_type` is a name of quantize_types().
void check_tensor_types(const TensorTypes& types, const std::string& main_type, const std::vector<GgufTensor>& tensors,
                        const std::function<bool(const std::string& tensor)>& has_importance);

} // namespace medilora
