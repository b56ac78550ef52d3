#pragma once

#include <array>

#include "model/weights.h"
#include "train/batch.h"
#include "train/linear.h"

namespace medilora {

/// A transformer block's tensors as training sees them.
struct Block {
    const float* attn_norm = nullptr;
    const float* ffn_norm = nullptr;
    const float* q_norm = nullptr; ///< null where the architecture has none
    const float* k_norm = nullptr;
    float* attn_norm_gradient = nullptr; ///< null: frozen
    float* ffn_norm_gradient = nullptr;
    float* q_norm_gradient = nullptr;
    float* k_norm_gradient = nullptr;
    std::array<Linear, kModules> linear;
    int64_t index = 0;
};

/// What a block's backward pass needs of its forward pass. Shapes: n tokens.
struct BlockActivations {
    Buffer h1, rstd1;                  // normed input [n, n_embd], [n]
    Buffer q_raw, q_rstd;              // before the norm by heads, where there is one [n, q_size], [n, n_head]
    Buffer k_raw, k_rstd;              // [n, kv_size], [n, n_head_kv]
    Buffer q, k, v;                    // after RoPE [n, q_size], [n, kv_size]
    Buffer attended, lse;              // [n, q_size], [n, n_head]
    Buffer middle;                     // after attention and its residual [n, n_embd]
    Buffer h2, rstd2;                  // [n, n_embd], [n]
    Buffer gate, up, act;              // [n, n_ff]
    std::array<Buffer, kModules> lora; // A drop(x) of each adapted layer [n, rank]

    void resize(const Hparams& h, const Block& block, int64_t n);
    /// Floats that resize() asks for, a token.
    static int64_t floats_per_token(const Hparams& h, const Block& block);
};

/// Gradients that live only inside one block's backward pass.
struct BlockScratch {
    Buffer d_act, d_up, d_h, d_attended, d_q, d_k, d_v, d_q_raw, d_k_raw;
    LinearScratch linear;

    void resize(const Hparams& h, int64_t n);
    /// Floats that resize() asks for, a token, and those of a linear layer with dropout.
    static int64_t floats_per_token(const Hparams& h);
};

/// What training adds at random to one micro-batch, told apart by `key`.
struct TrainingNoise {
    float dropout_rate = 0;  ///< on the inputs of LoRA branches
    float neftune_alpha = 0; ///< on the embeddings
    uint64_t key = 0;

    Dropout dropout(int64_t block, int module) const {
        return {dropout_rate, mix64(key ^ mix64(static_cast<uint64_t>(block * kModules + module + 1)))};
    }
};

/// x [n, n_embd] -> out [n, n_embd] (not the same array):
/// m = x + o(attention(q, k, v of norm(x))); out = m + down(silu(gate(norm(m))) * up(norm(m))).
void block_forward(Compute& c, const Hparams& h, const PreparedBatch& batch, const Block& block,
                   const TrainingNoise& noise, const float* x, BlockActivations& acts, BlockScratch& scratch,
                   float* out);

/// dx [n, n_embd]: the gradient by the block's output on entry, by its input on return.
/// With need_input false nothing below needs a gradient, and what is left in dx is meaningless.
void block_backward(Compute& c, const Hparams& h, const PreparedBatch& batch, const Block& block,
                    const TrainingNoise& noise, const float* x, const BlockActivations& acts, BlockScratch& scratch,
                    float* dx, bool need_input);

} // namespace medilora
