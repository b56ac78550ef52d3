#include "gemm/check.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "gemm/ggml_op.h"
#include "gguf/gguf_file.h"
#include "util/error.h"

namespace medilora {

namespace {

constexpr int64_t kGuard = 64;

bool can_make(ggml_type type) {
    return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 ||
           (ggml_is_quantized(type) && type != GGML_TYPE_Q8_1 && type != GGML_TYPE_Q8_K);
}

struct Matrices {
    // Aligned, as ggml's buffers have to be. b is of multiply only.
    Buffer weights, a, b;
    MatrixView a_view, b_view;
    int64_t m, n, k;
};

/// A view of [rows, cols] random floats in one of three layouts: by rows, by columns, or with gaps both ways.
MatrixView random_view(Buffer& data, int64_t rows, int64_t cols, uint64_t layout, uint64_t seed) {
    data = random_floats(layout == 2 ? rows * cols * 6 : rows * cols, seed);
    if (layout == 0) return {data.data(), cols, 1};
    if (layout == 1) return {data.data(), 1, rows};
    return {data.data(), cols * 6, 3};
}

Matrices make(const GemmCase& c) {
    Matrices out;
    const bool backward = c.direction == GemmCase::kBackward;
    out.m = c.tokens;
    out.n = backward ? c.cols : c.rows;
    out.k = backward ? c.rows : c.cols;
    const bool free_layout = c.direction == GemmCase::kMultiply;
    out.a_view = random_view(out.a, out.m, out.k, free_layout ? c.seed % 3 : 0, c.seed + 1);
    if (free_layout)
        out.b_view = random_view(out.b, out.k, out.n, c.seed / 3 % 3, c.seed + 2);
    else
        out.weights = random_weights(c);
    return out;
}

/// Runs the case into `out` [m, n], which holds what is accumulated to.
void compute(const GemmCase& c, const Matrices& x, int threads, float* out) {
    const WeightView weight{c.type, x.weights.data(), c.rows, c.cols, 0};
    if (c.through_ggml)
        return GgmlProduct(weight, c.direction == GemmCase::kBackward, x.a.data(), x.m, out, threads, true).compute();
    ThreadPool pool(threads);
    Gemm gemm(pool, *c.set, 0);
    if (c.direction == GemmCase::kForward)
        gemm.forward(weight, x.a.data(), x.m, out);
    else if (c.direction == GemmCase::kBackward)
        gemm.backward(weight, x.a.data(), x.m, out, c.accumulate);
    else
        gemm.multiply(x.m, x.n, x.k, x.a_view, x.b_view, out, x.n, 1.0f, c.accumulate);
}

/// B [k, n] in float32, exactly what the product means by it.
std::vector<float> dense_b(const GemmCase& c, const Matrices& x) {
    std::vector<float> out(x.k * x.n), row(c.cols);
    if (c.direction == GemmCase::kMultiply) {
        for (int64_t p = 0; p < x.k; ++p)
            for (int64_t j = 0; j < x.n; ++j) out[p * x.n + j] = x.b_view.data[p * x.b_view.row + j * x.b_view.col];
        return out;
    }
    const bool backward = c.direction == GemmCase::kBackward;
    for (int64_t i = 0; i < c.rows; ++i) {
        dequantize_row(c.type, reinterpret_cast<const char*>(x.weights.data()) + i * ggml_row_size(c.type, c.cols),
                       row.data(), c.cols);
        for (int64_t j = 0; j < c.cols; ++j) out[backward ? i * c.cols + j : j * c.rows + i] = row[j];
    }
    return out;
}

double relative_error(const GemmCase& c, const Matrices& x, const float* before, const float* after) {
    const std::vector<float> b = dense_b(c, x);
    std::vector<double> sum(x.n), squares(x.n);
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < x.m; ++i) {
        for (int64_t j = 0; j < x.n; ++j) {
            sum[j] = c.accumulates() ? before[i * x.n + j] : 0.0;
            squares[j] = sum[j] * sum[j];
        }
        for (int64_t p = 0; p < x.k; ++p) {
            const double a = x.a_view.data[i * x.a_view.row + p * x.a_view.col];
            for (int64_t j = 0; j < x.n; ++j) {
                const double term = a * b[p * x.n + j];
                sum[j] += term;
                squares[j] += term * term;
            }
        }
        for (int64_t j = 0; j < x.n; ++j) {
            difference += std::pow(after[i * x.n + j] - sum[j], 2);
            norm += squares[j];
        }
    }
    return std::sqrt(difference / norm);
}

} // namespace

Buffer random_floats(int64_t count, uint64_t seed) {
    std::mt19937_64 generator(seed);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    Buffer out(count);
    for (int64_t i = 0; i < count; ++i) out.data()[i] = uniform(generator);
    return out;
}

Buffer random_weights(const GemmCase& c) {
    Buffer values = random_floats(c.rows * c.cols, c.seed);
    if (c.type == GGML_TYPE_F32) return values;
    Buffer out(c.rows * static_cast<int64_t>(ggml_row_size(c.type, c.cols)) / 4 + 1);
    // Some types are made with the help of an importance matrix: here all columns are alike.
    const std::vector<float> importance(c.cols, 1.0f);
    ggml_quantize_chunk(c.type, values, out.data(), 0, c.rows, c.cols, importance.data());
    return out;
}

std::vector<ggml_type> testable_types() {
    std::vector<ggml_type> out;
    for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
        const auto type = static_cast<ggml_type>(i);
        if (ggml_blck_size(type) > 0 && can_make(type) && can_dequantize(type)) out.push_back(type);
    }
    return out;
}

void validate(const GemmCase& c) {
    if (!can_make(c.type) || !can_dequantize(c.type))
        throw Error("ARGUMENT_INVALID", std::string("Weights of type ") + ggml_type_name(c.type) + " cannot be made.");
    if (c.cols % ggml_blck_size(c.type) != 0)
        throw Error("ARGUMENT_INVALID", "Option `cols` must be a multiple of " +
                                            std::to_string(ggml_blck_size(c.type)) + " for the type " +
                                            ggml_type_name(c.type) + ".");
    if (c.through_ggml && (c.accumulate || c.direction == GemmCase::kMultiply))
        throw Error("ARGUMENT_INVALID", "ggml's operations neither accumulate nor multiply two free matrices.");
}

GemmReport check_gemm(const GemmCase& c) {
    validate(c);
    const Matrices x = make(c);
    const int64_t count = x.m * x.n + 2 * kGuard;
    const Buffer before = random_floats(count, c.seed + 3);
    Buffer after = random_floats(count, c.seed + 3), alone = random_floats(count, c.seed + 3);
    compute(c, x, c.threads, after.data() + kGuard);
    compute(c, x, 1, alone.data() + kGuard);
    GemmReport report;
    report.bf16 = c.direction != GemmCase::kMultiply && c.type != GGML_TYPE_F32 && c.set->bf16.tile != nullptr;
    report.identical = std::memcmp(after.data(), alone.data(), count * sizeof(float)) == 0;
    report.error = relative_error(c, x, before.data() + kGuard, after.data() + kGuard);
    const bool intact =
        std::memcmp(after.data(), before.data(), kGuard * sizeof(float)) == 0 &&
        std::memcmp(after.data() + count - kGuard, before.data() + count - kGuard, kGuard * sizeof(float)) == 0;
    if (!intact) report.error = std::numeric_limits<double>::infinity();
    return report;
}

} // namespace medilora
