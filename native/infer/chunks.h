#pragma once

#include <string>
#include <vector>

#include "infer/engine.h"

namespace medilora {

/// A model and the tokens of a text, in chunks that are computed one by one, each as a text of its own.
struct ChunkedText {
    std::string model;
    std::vector<llama_token> tokens; ///< what is left behind the last whole chunk is not used
    uint32_t chunk_size = 512;
    int threads = 1;
};

/// How an engine is to be opened for chunks: one sequence as long as a chunk.
EngineOptions chunk_engine_options(const ChunkedText& text);

/// A text cut in the way of llama.cpp's tools: the first token of each chunk gives way to BOS where the vocabulary adds
/// one.
class Chunks {
  public:
    /// `text` must outlive this object. Throws CONTEXT_EXCEEDED for chunks longer than the engine's model was trained
    /// for, TOKEN_OUT_OF_RANGE, or DATA_EMPTY for less than one chunk.
    Chunks(const ChunkedText& text, const Engine& engine);

    size_t count() const { return text_.tokens.size() / text_.chunk_size; }
    size_t size() const { return text_.chunk_size; }
    llama_token token(size_t chunk, size_t position) const;

    /// Decodes the positions [begin, end) of a chunk, those before them done already, with logits where wanted.
    /// Throws as Engine::decode.
    void decode(Engine& engine, size_t chunk, size_t begin, size_t end, bool wants_logits, const Cancel& cancel) const;

    /// Positions whose logits are held at a time, 16 at least: some tens of megabytes, as long as a row has not more.
    size_t most_rows() const { return most_rows_; }

  private:
    const ChunkedText& text_;
    llama_token first_; ///< of every chunk; LLAMA_TOKEN_NULL for its own
    size_t most_rows_;
};

} // namespace medilora
