#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llama.h"

namespace medilora {

/// Absent ids are null: a file may say 4294967295 for "none".
struct VocabInfo {
    int32_t size = 0;
    std::optional<llama_token> bos, eos, eot;
    bool add_bos = false, add_eos = false;
    std::string type;
};

VocabInfo vocab_info(const llama_vocab* vocab);

/// Throws TOKEN_OUT_OF_RANGE; `what` begins its message, e.g. "Request 3".
void check_tokens(const llama_vocab* vocab, const std::vector<llama_token>& tokens, const std::string& what);

/// Token ids of UTF-8 text, which may hold NUL. Throws ARGUMENT_INVALID for more than 1 GB and MODEL_INVALID when the
/// vocabulary lacks the tokens that it asks for.
std::vector<llama_token> tokenize(const llama_vocab* vocab, const std::string& text, bool add_special,
                                  bool parse_special);

/// The text of tokens, bytes as they come; `special` renders special tokens too. Throws TOKEN_OUT_OF_RANGE.
std::string detokenize(const llama_vocab* vocab, const std::vector<llama_token>& tokens, bool special);

/// The bytes of one valid token inside a text, a leading space kept; a special token is empty unless `special`.
std::string piece(const llama_vocab* vocab, llama_token token, bool special);

} // namespace medilora
