#include "adapter/row_merger.h"

#include <algorithm>
#include <atomic>

#include "gemm/gemm.h"
#include "gguf/finite.h"
#include "util/mapped_file.h"

namespace medilora {

namespace {

/// Floats of a block: a megabyte, what a core's own cache holds.
constexpr int64_t kBlockFloats = int64_t{1} << 18;

/// Rows [begin, begin + count).
struct Block {
    int64_t begin, count;
};

/// Exact for the float types, as fast as the processor allows; quantised ones go through ggml's own conversion.
void to_float(ggml_type type, const void* from, float* to, int64_t n) {
    if (ggml_is_quantized(type) || !kernels().dequantize(type, from, to, n)) dequantize_row(type, from, to, n);
}

/// To F16 or BF16.
void to_half(ggml_type type, const float* from, uint16_t* to, int64_t n) {
    if (type == GGML_TYPE_BF16)
        ggml_fp32_to_bf16_row(from, reinterpret_cast<ggml_bf16_t*>(to), n);
    else if (!kernels().to_f16(from, to, n))
        ggml_fp32_to_fp16_row(from, to, n);
}

} // namespace

/// A thread's own. Its products run on it alone, since other blocks keep the other threads busy.
struct RowMerger::Worker {
    ThreadPool alone{1};
    Gemm gemm{alone};
    Buffer floats;
    std::vector<uint16_t> halves;

    RowFailure write(const RowMerge& merge, Block block, GgufWriter& writer);

  private:
    RowFailure copy(const GgufTensor& tensor, Block block, GgufWriter& writer);
    void add(const ScaledPair& scaled, Block block);
};

RowFailure RowMerger::Worker::write(const RowMerge& merge, Block block, GgufWriter& writer) {
    const GgufTensor& tensor = merge.tensor;
    if (merge.pairs.empty() && merge.type == tensor.type) return copy(tensor, block, writer);
    const int64_t in = tensor.ne[0], n = block.count * in;
    float* values = floats.resize(n);
    to_float(tensor.type, static_cast<const char*>(tensor.data) + block.begin * tensor.row_bytes(), values, n);
    if (!all_finite(GGML_TYPE_F32, values, n)) return RowFailure::kBase;
    for (const ScaledPair& scaled : merge.pairs) add(scaled, block);
    const void* result = values;
    if (merge.type != GGML_TYPE_F32) {
        halves.resize(n);
        to_half(merge.type, values, halves.data(), n);
        result = halves.data();
    }
    // A sum that is not finite stays so when it is rounded.
    if (!all_finite(merge.type, result, n)) return RowFailure::kResult;
    writer.write_at(ggml_row_size(merge.type, block.begin * in), result, ggml_row_size(merge.type, n));
    return RowFailure::kNone;
}

RowFailure RowMerger::Worker::copy(const GgufTensor& tensor, Block block, GgufWriter& writer) {
    const size_t offset = block.begin * tensor.row_bytes();
    const char* rows = static_cast<const char*>(tensor.data) + offset;
    // Only vectors keep a quantised type: the block is the whole tensor.
    const bool finite = ggml_is_quantized(tensor.type) ? tensor_is_finite(tensor)
                                                       : all_finite(tensor.type, rows, block.count * tensor.ne[0]);
    if (!finite) return RowFailure::kBase;
    writer.write_at(offset, rows, block.count * tensor.row_bytes());
    return RowFailure::kNone;
}

void RowMerger::Worker::add(const ScaledPair& scaled, Block block) {
    const AdapterPair& pair = scaled.pair;
    gemm.multiply(block.count, pair.in, pair.rank, {pair.b.data() + block.begin * pair.rank, pair.rank, 1},
                  {pair.a.data(), pair.in, 1}, floats, pair.in, scaled.scale, true);
}

RowMerger::RowMerger(int threads, const Cancel& cancel) : cancel_(cancel), pool_(threads) {
    for (int i = 0; i < pool_.size(); ++i) workers_.push_back(std::make_unique<Worker>());
}

RowMerger::~RowMerger() = default;

RowFailure RowMerger::write(const RowMerge& merge, GgufWriter& writer) {
    const GgufTensor& tensor = merge.tensor;
    const int64_t rows = tensor.rows(), most = std::max<int64_t>(1, kBlockFloats / std::max<int64_t>(1, tensor.ne[0]));
    std::atomic<RowFailure> failure{RowFailure::kNone};
    pool_.run((rows + most - 1) / most, [&](int64_t index, int thread) {
        cancel_.check();
        if (failure != RowFailure::kNone) return;
        const Block block{index * most, std::min(most, rows - index * most)};
        const RowFailure found = workers_[thread]->write(merge, block, writer);
        if (found != RowFailure::kNone) failure = found;
        const size_t bytes = tensor.row_bytes();
        release_pages(static_cast<const char*>(tensor.data) + block.begin * bytes, block.count * bytes);
    });
    // A fault maps pages around it too, those of blocks that were let go of already among them.
    release_pages(tensor.data, tensor.bytes);
    writer.skip(ggml_row_size(merge.type, tensor.elements()));
    writer.end_tensor();
    return failure;
}

} // namespace medilora
