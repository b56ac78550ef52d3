#include "infer/imatrix.h"

#include <algorithm>
#include <chrono>

#include "infer/activation_sums.h"
#include "quantize/imatrix_file.h"
#include "util/error.h"

namespace medilora {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kSaveEvery{30};

Imatrix begin_matrix(const ImatrixOptions& options) {
    Imatrix matrix;
    if (options.resume) matrix = read_imatrix(options.partial);
    if (options.resume && matrix.chunk_size != options.text.chunk_size)
        throw Error("DATA_INVALID", options.partial + " has chunks of another size. Remove it to begin anew.");
    matrix.chunk_size = options.text.chunk_size;
    matrix.datasets = options.datasets;
    return matrix;
}

/// All positions have logits: without, llama.cpp computes the last layer for some of them only.
void add_chunk(Imatrix& matrix, ActivationSums& sums, Engine& engine, const Chunks& chunks, const Cancel& cancel) {
    sums.clear();
    for (size_t begin = 0; begin < chunks.size(); begin += chunks.most_rows())
        chunks.decode(engine, matrix.chunk_count, begin, std::min(begin + chunks.most_rows(), chunks.size()), true,
                      cancel);
    sums.add_to(matrix);
    ++matrix.chunk_count;
}

size_t idle_experts(const Imatrix& matrix) {
    size_t idle = 0;
    for (const auto& [name, entry] : matrix.entries) idle += std::count(entry.counts.begin(), entry.counts.end(), 0);
    return idle;
}

} // namespace

ImatrixResult make_imatrix(const ImatrixOptions& options, const Cancel& cancel,
                           const std::function<void(int64_t, int64_t)>& progress) {
    Imatrix matrix = begin_matrix(options);
    ActivationSums sums;
    EngineOptions engine_options = chunk_engine_options(options.text);
    engine_options.on_node = ActivationSums::on_node;
    engine_options.on_node_data = &sums;
    Engine engine(engine_options, cancel, nullptr);
    const Chunks chunks(options.text, engine);
    auto saved = Clock::now();
    try {
        while (matrix.chunk_count < chunks.count()) {
            progress(matrix.chunk_count, static_cast<int64_t>(chunks.count()));
            add_chunk(matrix, sums, engine, chunks, cancel);
            if (Clock::now() - saved < kSaveEvery) continue;
            write_imatrix(matrix, options.partial, options.metadata);
            saved = Clock::now();
        }
    } catch (const Error&) {
        if (matrix.chunk_count > 0) write_imatrix(matrix, options.partial, options.metadata);
        throw;
    }
    progress(matrix.chunk_count, static_cast<int64_t>(chunks.count()));
    const size_t bytes = write_imatrix(matrix, options.output, options.metadata);
    return {bytes, matrix.entries.size(), idle_experts(matrix)};
}

} // namespace medilora
