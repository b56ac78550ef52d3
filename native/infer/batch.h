#pragma once

#include "llama.h"

namespace medilora {

/// A llama_batch that is filled token by token; a token may belong to several sequences with consecutive ids.
class Batch {
  public:
    /// `sequences` is the most that one token may belong to.
    Batch(int32_t capacity, int32_t sequences)
        : batch_(llama_batch_init(capacity, 0, sequences)), capacity_(capacity) {}
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

    /// Gives the token of a row to the next `more` sequences as well.
    void share(int32_t row, int32_t more) {
        for (int32_t i = 1; i <= more; ++i) batch_.seq_id[row][i] = batch_.seq_id[row][0] + i;
        batch_.n_seq_id[row] = 1 + more;
    }

  private:
    llama_batch batch_;
    int32_t capacity_;
};

} // namespace medilora
