#pragma once

#include "llama.h"

namespace medilora {

/// A llama_batch that is filled token by token; every token belongs to one sequence.
class Batch {
  public:
    explicit Batch(int32_t capacity) : batch_(llama_batch_init(capacity, 0, 1)), capacity_(capacity) {}
    ~Batch() { llama_batch_free(batch_); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    void clear() { batch_.n_tokens = 0; }
    int32_t size() const { return batch_.n_tokens; }
    bool full() const { return batch_.n_tokens >= capacity_; }
    const llama_batch& get() const { return batch_; }

    /// Returns the token's row: the index under which its logits are asked for.
    int32_t add(llama_token token, llama_pos position, llama_seq_id sequence, bool wants_logits) {
        const int32_t row = batch_.n_tokens++;
        batch_.token[row] = token;
        batch_.pos[row] = position;
        batch_.n_seq_id[row] = 1;
        batch_.seq_id[row][0] = sequence;
        batch_.logits[row] = wants_logits;
        return row;
    }

  private:
    llama_batch batch_;
    int32_t capacity_;
};

} // namespace medilora
