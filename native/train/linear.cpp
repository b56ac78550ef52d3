#include "train/linear.h"

namespace medilora {

namespace {

const float* dropped_input(Compute& c, const Dropout& dropout, LinearScratch& scratch, const float* x, int64_t count) {
    if (!dropout.active()) return x;
    float* out = scratch.dropped.resize(count);
    dropout.apply(c, x, count, out, false);
    return out;
}

void add_bias(Compute& c, const float* bias, int64_t n, int64_t out, float* y) {
    c.pool.slices(n, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = 0; j < out; ++j) y[i * out + j] += bias[j];
    });
}

/// By columns, so that the sum does not depend on the number of threads.
void add_bias_gradient(Compute& c, const float* dy, int64_t n, int64_t out, float* gradient) {
    c.pool.slices(out, 16, [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = begin; j < end; ++j) gradient[j] += dy[i * out + j];
    });
}

} // namespace

void linear_forward(Compute& c, const Linear& layer, const Dropout& dropout, LinearScratch& scratch, const float* x,
                    int64_t n, float* y, float* u) {
    c.gemm.forward(layer.weight, x, n, y, layer.exact_forward);
    if (layer.bias != nullptr) add_bias(c, layer.bias, n, layer.out(), y);
    const LoraBranch& lora = layer.lora;
    if (lora.rank == 0) return;
    const int64_t in = layer.in(), out = layer.out(), r = lora.rank;
    const float* xd = dropped_input(c, dropout, scratch, x, n * in);
    c.gemm.multiply(n, r, in, {xd, in, 1}, {lora.a, 1, in}, u, r, 1.0f, false);      // u = drop(x) A^T
    c.gemm.multiply(n, out, r, {u, r, 1}, {lora.b, 1, r}, y, out, lora.scale, true); // y += s u B^T
}

void linear_backward(Compute& c, const Linear& layer, const Dropout& dropout, LinearScratch& scratch,
                     const PreparedBatch& batch, const float* x, const float* u, const float* dy, float* dx,
                     bool accumulate) {
    const int64_t n = batch.n, in = layer.in(), out = layer.out(), r = layer.lora.rank;
    if (dx != nullptr) c.gemm.backward(layer.weight, dy, n, dx, accumulate); // dx (+)= dy W
    if (layer.weight_gradient != nullptr) {
        for (const auto& [begin, end] : batch.segments) // dW += dy^T x
            c.gemm.multiply(out, in, end - begin, {dy + begin * out, 1, out}, {x + begin * in, in, 1},
                            layer.weight_gradient, in, 1.0f, true);
    }
    if (layer.bias_gradient != nullptr) add_bias_gradient(c, dy, n, out, layer.bias_gradient);
    const LoraBranch& lora = layer.lora;
    if (r == 0) return;
    float* du = scratch.du.resize(n * r);
    const float* xd = dropped_input(c, dropout, scratch, x, n * in);
    c.gemm.multiply(n, r, out, {dy, out, 1}, {lora.b, r, 1}, du, r, lora.scale, false); // du = s dy B
    for (const auto& [begin, end] : batch.segments) { // dB += s dy^T u; dA += du^T drop(x)
        const int64_t count = end - begin;
        c.gemm.multiply(out, r, count, {dy + begin * out, 1, out}, {u + begin * r, r, 1}, lora.db, r, lora.scale, true);
        c.gemm.multiply(r, in, count, {du + begin * r, 1, r}, {xd + begin * in, in, 1}, lora.da, in, 1.0f, true);
    }
    if (dx == nullptr) return;
    if (!dropout.active()) {
        c.gemm.multiply(n, in, r, {du, r, 1}, {lora.a, in, 1}, dx, in, 1.0f, true); // dx += du A
        return;
    }
    float* branch = scratch.dx.resize(n * in);
    c.gemm.multiply(n, in, r, {du, r, 1}, {lora.a, in, 1}, branch, in, 1.0f, false);
    dropout.apply(c, branch, n * in, dx, true);
}

} // namespace medilora
