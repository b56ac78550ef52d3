#pragma once

#include <memory>
#include <unordered_set>

#include "gemm/cell_attention.h"
#include "gemm/gemm.h"
#include "ggml-backend.h"
#include "util/graph_threads.h"

namespace medilora {

/// Computes the graphs of one libllama context: matrix products and attention over the cache by our kernels, whatever
/// else a graph holds by ggml's CPU backend, in the graph's order. None of it depends on how many tokens are in the
/// graph: a token's results are the same to the bit in any batch.
/// Used by one thread at a time.
class GraphCompute {
  public:
    /// True for an operation that compute() can meet.
    static bool supports(const ggml_tensor* op);

    void set_threads(int threads) { threads_ = threads < 1 ? 1 : threads; }
    /// Asked between two operations.
    void set_abort(ggml_abort_callback callback, void* data) {
        abort_ = callback;
        abort_data_ = data;
    }

    /// Throws std::bad_alloc.
    ggml_status compute(const ggml_cgraph* graph);

  private:
    struct Freed {
        void operator()(ggml_backend_t backend) const { ggml_backend_free(backend); }
    };
    using Backend = std::unique_ptr<ggml_backend, Freed>;

    void prepare();
    void find_unread(const ggml_cgraph* graph);
    ggml_status compute_others(const ggml_cgraph* graph, int begin, int end);
    bool compute_ours(const ggml_tensor* node);

    std::unordered_set<const ggml_tensor*> unread_;
    int threads_ = GGML_DEFAULT_N_THREADS;
    ggml_abort_callback abort_ = nullptr;
    void* abort_data_ = nullptr;
    std::unique_ptr<ThreadPool> pool_;
    std::unique_ptr<Gemm> gemm_;
    std::unique_ptr<CellAttention> attention_;
    std::unique_ptr<GraphThreads> cpu_threads_;
    Backend cpu_;       // with cpu_threads_
    Backend cpu_alone_; // on the calling thread, for what is small
};

} // namespace medilora
