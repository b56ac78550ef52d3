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
/// The prefix that all prompts share is computed once and stays in every sequence. Beyond it a request takes over what
/// its prompt has in common with one that is in the cache: its own sequence's last or another one's. Requests whose
/// much longer part is just being read by another sequence wait for it.
class Generation {
  public:
    Generation(Engine& engine, const std::vector<Request>& requests, bool share_prefix, const Cancel& cancel,
               const std::function<void(Result&&)>& on_result);

    void run();

  private:
    /// A sequence of the cache and the request that it works on.
    struct Slot {
        llama_seq_id sequence = 0;
        const Request* request = nullptr;  ///< null when free
        const Request* resident = nullptr; ///< whose prompt the cache holds, the ended one's until others have entered
        size_t limit = 0;                  ///< tokens to draw at most
        size_t decoded = 0;                ///< tokens of prompt and answer in the cache
        int32_t row = -1;                  ///< of the last batch, when it gives this slot's next token
        Sampler sampler;
        std::string text; ///< bytes of the answer
        Result result;
    };

    void compute_prefix();
    void admit();
    bool admit_one(Slot& slot);
    /// What a request can take over from a prompt in the cache.
    struct Source {
        const Slot* slot = nullptr; ///< null: nothing beyond the prefix of all
        size_t shared = 0;          ///< tokens, the prefix of all included
        size_t later = 0;           ///< the same once prompts that are being read have been
    };
    Source best_source(const Request& request) const;
    size_t in_common(const Slot& source, const Request& request) const;
    void drop_residents();
    void start(Slot& slot, size_t index, const Source& source);
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
    const bool share_prefix_;
    std::deque<size_t> waiting_; ///< indexes of requests, longest prompt first
    std::vector<Slot> slots_;
    size_t prefix_ = 0;       ///< tokens of the shared prefix
    size_t reserved_ = 0;     ///< cells of the running requests, the shared prefix counted once
    llama_token im_end_ = -1; ///< `<|im_end|>` where it is one token of the vocabulary
};

} // namespace medilora
