#include "infer/vocab.h"

#include <stdexcept>

#include "util/error.h"

namespace medilora {

namespace {

constexpr size_t longest_text = 1000000000;

std::optional<llama_token> known(const llama_vocab* vocab, llama_token token) {
    if (token < 0 || token >= llama_vocab_n_tokens(vocab)) return std::nullopt;
    return token;
}

const char* type_name(enum llama_vocab_type type) {
    switch (type) {
    case LLAMA_VOCAB_TYPE_NONE:
        return "none";
    case LLAMA_VOCAB_TYPE_SPM:
        return "spm";
    case LLAMA_VOCAB_TYPE_BPE:
        return "bpe";
    case LLAMA_VOCAB_TYPE_WPM:
        return "wpm";
    case LLAMA_VOCAB_TYPE_UGM:
        return "ugm";
    case LLAMA_VOCAB_TYPE_RWKV:
        return "rwkv";
    case LLAMA_VOCAB_TYPE_PLAMO2:
        return "plamo2";
    default:
        return "other";
    }
}

/// llama.cpp ends the process when it is to add a token that the vocabulary does not have.
void check_can_add(const llama_vocab* vocab) {
    const bool bos_lacks = llama_vocab_get_add_bos(vocab) && !known(vocab, llama_vocab_bos(vocab));
    const bool eos_lacks = llama_vocab_get_add_eos(vocab) && !known(vocab, llama_vocab_eos(vocab));
    const bool sep_lacks = llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_WPM && !known(vocab, llama_vocab_sep(vocab));
    if (bos_lacks || eos_lacks || sep_lacks)
        throw Error("MODEL_INVALID", "The vocabulary asks for a BOS, EOS or separator token that it does not have. "
                                     "Tokenize without special tokens, or convert the model again.");
}

/// Calls an llama.cpp function that fills a buffer and answers -(size needed) when it is too small.
template <typename Buffer, typename Fill> void fill(Buffer& buffer, size_t guess, Fill call) {
    buffer.resize(guess);
    int32_t count = call();
    if (count < 0) {
        buffer.resize(static_cast<size_t>(-static_cast<int64_t>(count)));
        count = call();
    }
    buffer.resize(count < 0 ? 0 : static_cast<size_t>(count));
}

} // namespace

VocabInfo vocab_info(const llama_vocab* vocab) {
    VocabInfo info;
    info.size = llama_vocab_n_tokens(vocab);
    info.bos = known(vocab, llama_vocab_bos(vocab));
    info.eos = known(vocab, llama_vocab_eos(vocab));
    info.eot = known(vocab, llama_vocab_eot(vocab));
    info.add_bos = llama_vocab_get_add_bos(vocab);
    info.add_eos = llama_vocab_get_add_eos(vocab);
    info.type = type_name(llama_vocab_type(vocab));
    return info;
}

void check_tokens(const llama_vocab* vocab, const std::vector<llama_token>& tokens, const std::string& what) {
    const int32_t size = llama_vocab_n_tokens(vocab);
    for (size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] < 0 || tokens[i] >= size)
            throw Error("TOKEN_OUT_OF_RANGE", what + ": token " + std::to_string(i) + " has id " +
                                                  std::to_string(tokens[i]) + ", outside the vocabulary of " +
                                                  std::to_string(size) + ". Tokenize with this model's vocabulary.");
}

std::vector<llama_token> tokenize(const llama_vocab* vocab, const std::string& text, bool add_special,
                                  bool parse_special) {
    if (text.size() > longest_text)
        throw Error("ARGUMENT_INVALID", "The text is longer than 1 GB. Tokenize it in parts.");
    if (add_special) check_can_add(vocab);
    std::vector<llama_token> tokens;
    try {
        // As many tokens as bytes, a space put in front, BOS and EOS: nearly always room enough.
        fill(tokens, text.size() + 4, [&] {
            return llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                                  static_cast<int32_t>(tokens.size()), add_special, parse_special);
        });
    } catch (const std::out_of_range&) {
        throw Error("MODEL_INVALID",
                    "The vocabulary has no tokens for some bytes of the text. Convert the model again.");
    }
    return tokens;
}

std::string detokenize(const llama_vocab* vocab, const std::vector<llama_token>& tokens, bool special) {
    check_tokens(vocab, tokens, "Detokenizing");
    std::string text;
    fill(text, 4 * tokens.size(), [&] {
        return llama_detokenize(vocab, tokens.data(), static_cast<int32_t>(tokens.size()), text.data(),
                                static_cast<int32_t>(text.size()), false, special);
    });
    return text;
}

std::string piece(const llama_vocab* vocab, llama_token token, bool special) {
    std::string text;
    fill(text, 16, [&] {
        return llama_token_to_piece(vocab, token, text.data(), static_cast<int32_t>(text.size()), 0, special);
    });
    return text;
}

} // namespace medilora
