#include "gemm/measure.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "gemm/ggml_op.h"
#include "util/error.h"

namespace medilora {

namespace {

double seconds(const std::function<void()>& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

double flops(const GemmCase& c, int64_t tokens) {
    return 2.0 * c.rows * c.cols * tokens;
}

} // namespace

double measure_peak(ThreadPool& pool, const TileKernel& tile) {
    // Many small tasks: a thread that wakes late still gets its share. The best of several rounds, since what another
    // program takes away is no property of the processor.
    constexpr int64_t kRounds = 30000; // some 1 ms
    const int64_t tasks = 10 * pool.size();
    double best = 0;
    for (int round = 0; round < 5; ++round) {
        std::vector<double> done(tasks);
        const double time = seconds([&] { pool.run(tasks, [&](int64_t i, int) { done[i] = tile.spin(kRounds); }); });
        double total = 0;
        for (const double one : done) total += one;
        best = std::max(best, total / time / 1e9);
    }
    return best;
}

GemmRates measure_gemm(const GemmCase& c, int repeats, int64_t ggml_tokens, const Cancel& cancel) {
    validate(c);
    if (c.direction == GemmCase::kMultiply) throw Error("ARGUMENT_INVALID", "Only forward and backward are measured.");
    const bool backward = c.direction == GemmCase::kBackward;
    const Buffer weights = random_weights(c);
    const WeightView view{c.type, weights.data(), c.rows, c.cols, 0};
    const int64_t in = backward ? c.rows : c.cols, out = backward ? c.cols : c.rows;
    const int64_t most = std::max(c.tokens, ggml_tokens);
    const Buffer x = random_floats(most * in, c.seed + 1);
    Buffer y(most * out);
    ThreadPool pool(c.threads);
    Gemm gemm(pool, *c.set, 0);
    std::unique_ptr<GgmlProduct> ggml;
    if (ggml_tokens > 0) ggml = std::make_unique<GgmlProduct>(view, backward, x, ggml_tokens, y, c.threads, false);
    const TileKernel& tile = gemm.format(view);
    std::vector<double> ours, theirs, peaks, shares, ratios;
    double peak = measure_peak(pool, tile);
    for (int i = 0; i < repeats; ++i) {
        cancel.check();
        const double time = seconds([&] {
            if (backward)
                gemm.backward(view, x, c.tokens, y);
            else
                gemm.forward(view, x, c.tokens, y);
        });
        const double next = measure_peak(pool, tile), mean = (peak + next) / 2;
        ours.push_back(flops(c, c.tokens) / time / 1e9);
        peaks.push_back(mean);
        shares.push_back(ours.back() / mean);
        if (ggml) {
            theirs.push_back(flops(c, ggml_tokens) / seconds([&] { ggml->compute(); }) / 1e9);
            ratios.push_back(ours.back() / theirs.back());
        }
        peak = ggml ? measure_peak(pool, tile) : next;
    }
    return {median(ours), median(theirs), median(peaks), median(shares), median(ratios)};
}

} // namespace medilora
