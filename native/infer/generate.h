#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "infer/engine.h"

namespace medilora {

/// One run over many requests: continuous batching. Long prompts first; a request enters when a sequence is free and
/// the cache has cells for its longest possible answer, so that the cache never overflows on the way.
///
/// The prefix that all prompts share is computed once and stays in every sequence; a sequence whose answer has ended
/// falls back to it.
class Generation {
  public:
    Generation(Engine& engine, const std::vector<Request>& requests, bool share_prefix, const Cancel& cancel,
               const std::function<void(Result&&)>& on_result);

    void run();

  private:
    /// A sequence of the cache and the request that it works on.
    struct Slot {
        llama_seq_id sequence = 0;
        const Request* request = nullptr; ///< null when free
        size_t limit = 0;                 ///< tokens to draw at most
        size_t decoded = 0;               ///< tokens of prompt and answer in the cache
        int32_t row = -1;                 ///< of the last batch, when it gives this slot's next token
        Sampler sampler;
        std::string text; ///< bytes of the answer
        Result result;
    };

    void compute_prefix();
    void admit();
    void start(Slot& slot, size_t index);
    void fill_batch();
    void feed_prompt(Slot& slot);
    void draw(Slot& slot);
    bool append(Slot& slot, llama_token token);
    void finish(Slot& slot, bool stopped);
    void release(Slot& slot);
    bool ends_answer(const Request& request, llama_token token) const;
    size_t answer_limit(const Request& request) const;
    size_t cells(const Request& request) const;

    Engine& engine_;
    const std::vector<Request>& requests_;
    const Cancel& cancel_;
    const std::function<void(Result&&)>& on_result_;
    std::deque<size_t> waiting_; ///< indexes of requests, longest prompt first
    std::vector<Slot> slots_;
    size_t prefix_ = 0;       ///< tokens of the shared prefix
    size_t reserved_ = 0;     ///< cells of the running requests, the shared prefix counted once
    llama_token im_end_ = -1; ///< `<|im_end|>` where it is one token of the vocabulary
};

} // namespace medilora
