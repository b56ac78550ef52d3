#pragma once

#include <memory>

#include "llama.h"

namespace medilora {

/// A backend of the device that computes with `threads`, where it takes a number; null when ggml cannot make one.
ggml_backend_t open_backend(ggml_backend_dev_t device, int threads);

/// Threads that compute graphs on ggml's CPU backend and live as long as this object. Without them ggml starts and ends
/// its threads for every graph: for a small model that takes longer than the graph, and far longer where a new thread
/// first waits on its parent's core while the parent spins.
class GraphThreads {
  public:
    /// What the threads do behind a graph until the next one comes.
    enum class Idle { spin, sleep };

    /// `threads` >= 1 counts the calling thread. Throws OUT_OF_MEMORY.
    GraphThreads(int threads, Idle idle);

    /// This object must outlive what it is attached to.
    void attach(llama_context* context) const;
    void attach(ggml_backend_t cpu_backend) const;

  private:
    struct Freed {
        void operator()(ggml_threadpool* pool) const;
    };

    std::unique_ptr<ggml_threadpool, Freed> pool_; // null for one thread
};

} // namespace medilora
