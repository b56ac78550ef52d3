#pragma once

#include <memory>

#include "llama.h"

namespace medilora {

/// Threads that compute a context's graphs and live as long as this object. Without them ggml starts and ends its
/// threads for every graph: for a small model that takes longer than the graph, and far longer where a new thread
/// first waits on its parent's core while the parent spins.
class GraphThreads {
  public:
    /// `threads` >= 1 counts the calling thread. Throws OUT_OF_MEMORY.
    explicit GraphThreads(int threads);

    /// This object must outlive the context.
    void attach(llama_context* context) const;

  private:
    struct Freed {
        void operator()(ggml_threadpool* pool) const;
    };

    std::unique_ptr<ggml_threadpool, Freed> pool_; // null for one thread
};

} // namespace medilora
