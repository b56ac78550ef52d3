#include "infer/chunks.h"

#include <algorithm>

#include "infer/vocab.h"
#include "util/error.h"

namespace medilora {

namespace {

constexpr size_t kLogitBytes = size_t{64} << 20;
constexpr uint32_t kMicroBatch = 512;

} // namespace

EngineOptions chunk_engine_options(const ChunkedText& text) {
    EngineOptions options;
    options.model.path = text.model;
    options.context_size = options.batch_size = text.chunk_size;
    options.micro_batch_size = std::min(kMicroBatch, text.chunk_size);
    options.sequences = 1;
    options.threads = text.threads;
    return options;
}

Chunks::Chunks(const ChunkedText& text, const Engine& engine) : text_(text) {
    if (engine.sequence_limit() < text.chunk_size)
        throw Error("CONTEXT_EXCEEDED", text.model + " was trained for " + std::to_string(engine.sequence_limit()) +
                                            " tokens, a chunk has " + std::to_string(text.chunk_size) +
                                            ". Use a smaller chunkSize.");
    if (count() == 0)
        throw Error("DATA_EMPTY", "The text has " + std::to_string(text.tokens.size()) + " tokens, a chunk has " +
                                      std::to_string(text.chunk_size) + ". Give more text or a smaller chunkSize.");
    check_tokens(engine.vocab(), text.tokens, "The text");
    const VocabInfo vocab = vocab_info(engine.vocab());
    first_ = vocab.add_bos ? vocab.bos.value_or(LLAMA_TOKEN_NULL) : LLAMA_TOKEN_NULL;
    const size_t row_bytes = sizeof(float) * static_cast<size_t>(vocab.size);
    most_rows_ = std::max<size_t>(16, kLogitBytes / row_bytes);
}

llama_token Chunks::token(size_t chunk, size_t position) const {
    if (position == 0 && first_ != LLAMA_TOKEN_NULL) return first_;
    return text_.tokens[chunk * text_.chunk_size + position];
}

void Chunks::decode(Engine& engine, size_t chunk, size_t begin, size_t end, bool wants_logits,
                    const Cancel& cancel) const {
    if (begin == 0) llama_memory_clear(engine.memory(), false);
    engine.batch().clear();
    for (size_t i = begin; i < end; ++i)
        engine.batch().add(token(chunk, i), static_cast<llama_pos>(i), 0, wants_logits);
    engine.decode(cancel);
}

} // namespace medilora
