#include "train/network.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "train/norm.h"

namespace medilora {

Network::Network(const Hparams& h, const WeightTable& table)
    : hparams(h), embedding(table.embedding), output(table.output), output_norm(table.output_norm), lowest(h.n_layer) {
    for (int64_t i = 0; i < h.n_layer; ++i) {
        Block block;
        block.index = i;
        block.attn_norm = table.blocks[i].attn_norm;
        block.ffn_norm = table.blocks[i].ffn_norm;
        block.q_norm = table.blocks[i].q_norm;
        block.k_norm = table.blocks[i].k_norm;
        for (int m = 0; m < kModules; ++m) {
            block.linear[m].weight = table.blocks[i].linear[m];
            block.linear[m].bias = table.blocks[i].bias[m];
            // Roundings of the attention's values reach everything behind: float32 here, a tenth of a block's work,
            // cuts the error of bf16 gradients by two thirds (docs/decisions.md).
            block.linear[m].exact_forward =
                static_cast<Module>(m) == Module::kV || static_cast<Module>(m) == Module::kO;
        }
        blocks.push_back(block);
    }
}

void Engine::embed(const PreparedBatch& batch, float* x) {
    const WeightView& e = net_.embedding;
    const size_t row_bytes = ggml_row_size(e.type, e.cols);
    c_.pool.slices(batch.n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            dequantize_row(e.type, static_cast<const char*>(e.data) + batch.tokens[i] * row_bytes, x + i * e.cols,
                           e.cols);
    });
}

void Engine::add_embedding_noise(const PreparedBatch& batch, const TrainingNoise& noise, float* x) {
    const int64_t e = net_.hparams.n_embd;
    for (const auto& [begin, end] : batch.segments) {
        const float bound = noise.neftune_alpha / std::sqrt(static_cast<float>((end - begin) * e));
        for (int64_t i = begin * e; i < end * e; ++i)
            x[i] += bound * (2.0f * counter_uniform(~noise.key, static_cast<uint64_t>(i)) - 1.0f);
    }
}

BlockActivations& Engine::activations(int64_t block, bool keep) {
    return keep && !checkpointing_ && block >= net_.lowest ? kept_[block] : shared_;
}

void Engine::forward(const PreparedBatch& batch, const TrainingNoise& noise, bool keep) {
    const Hparams& h = net_.hparams;
    inputs_.resize(h.n_layer + 1);
    kept_.resize(h.n_layer);
    embed(batch, inputs_[0].resize(batch.n * h.n_embd));
    if (noise.neftune_alpha > 0) add_embedding_noise(batch, noise, inputs_[0]);
    for (int64_t i = 0; i < h.n_layer; ++i) {
        if (c_.cancel != nullptr) c_.cancel->check();
        block_forward(c_, h, batch, net_.blocks[i], noise, inputs_[i], activations(i, keep), scratch_,
                      inputs_[i + 1].resize(batch.n * h.n_embd));
    }
    rms_norm_forward(c_, inputs_[h.n_layer], net_.output_norm, h.rms_eps, batch.n, h.n_embd,
                     hidden_.resize(batch.n * h.n_embd), rstd_.resize(batch.n));
}

void Engine::backward(const PreparedBatch& batch, const TrainingNoise& noise) {
    const Hparams& h = net_.hparams;
    float* dx = dx_.resize(batch.n * h.n_embd);
    std::memset(dx, 0, batch.n * h.n_embd * sizeof(float));
    rms_norm_backward(c_, inputs_[h.n_layer], net_.output_norm, rstd_, d_hidden_, batch.n, h.n_embd, dx,
                      net_.output_norm_gradient);
    const bool into_embedding = net_.embedding_gradient != nullptr;
    for (int64_t i = h.n_layer - 1; i >= (into_embedding ? 0 : net_.lowest); --i) {
        if (c_.cancel != nullptr) c_.cancel->check();
        BlockActivations& acts = activations(i, true);
        // The block's output is not needed again; hidden_ is free by now and has its size.
        if (checkpointing_) block_forward(c_, h, batch, net_.blocks[i], noise, inputs_[i], acts, scratch_, hidden_);
        block_backward(c_, h, batch, net_.blocks[i], noise, inputs_[i], acts, scratch_, dx,
                       into_embedding || i > net_.lowest);
    }
    if (!into_embedding) return;
    for (int64_t i = 0; i < batch.n; ++i) {
        float* row = net_.embedding_gradient + batch.tokens[i] * h.n_embd;
        for (int64_t j = 0; j < h.n_embd; ++j) row[j] += dx[i * h.n_embd + j];
    }
}

int64_t Engine::bytes_needed(int64_t tokens, int64_t labelled, bool checkpointing) const {
    const Hparams& h = net_.hparams;
    int64_t activations = 0;
    for (int64_t i = net_.lowest; i < h.n_layer; ++i)
        activations += BlockActivations::floats_per_token(h, net_.blocks[i]);
    const int64_t kept = h.n_layer - net_.lowest;
    if (kept > 0 && (checkpointing || net_.lowest > 0)) {
        const int64_t one = BlockActivations::floats_per_token(h, net_.blocks[h.n_layer - 1]);
        activations = checkpointing ? one : activations + one;
    }
    const int64_t widest = std::max({h.n_embd, h.n_ff, h.q_size()});
    const int64_t streams = (h.n_layer + 1) * h.n_embd + 3 * h.n_embd; // block inputs; hidden, its gradient, dx
    const int64_t per_token = activations + streams + BlockScratch::floats_per_token(h) + widest;
    return (tokens * per_token + Loss::floats_needed(net_.output, labelled)) * static_cast<int64_t>(sizeof(float));
}

double Engine::evaluate(const PreparedBatch& batch) {
    forward(batch, TrainingNoise{}, false);
    return loss_.run(c_, net_.output, batch, hidden_, 1.0f, nullptr, nullptr);
}

double Engine::accumulate(const PreparedBatch& batch, const TrainingNoise& noise, float gradient_scale) {
    forward(batch, noise, true);
    const double loss = loss_.run(c_, net_.output, batch, hidden_, gradient_scale,
                                  d_hidden_.resize(batch.n * net_.hparams.n_embd), net_.output_gradient);
    backward(batch, noise);
    return loss;
}

std::vector<float> Engine::logits(const PreparedBatch& batch) {
    forward(batch, TrainingNoise{}, false);
    const int64_t vocab = net_.hparams.n_vocab;
    std::vector<float> sorted(batch.n * vocab), out(batch.n * vocab);
    c_.gemm.forward(net_.output, hidden_, batch.n, sorted.data());
    for (int64_t i = 0; i < batch.n; ++i)
        std::memcpy(out.data() + batch.order[i] * vocab, sorted.data() + i * vocab, vocab * sizeof(float));
    return out;
}

} // namespace medilora
