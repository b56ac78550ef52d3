#pragma once

#include <atomic>
#include <cstdint>

#include "util/error.h"

namespace medilora {

/// Asks a job to stop: set by JavaScript through a shared int32 (an AbortSignal) or by the environment's end.
class Cancel {
  public:
    /// `flag` may be null; it must outlive the job. Non-zero means: stop.
    explicit Cancel(const int32_t* flag = nullptr) : flag_(flag) {}

    void request() { requested_.store(true, std::memory_order_relaxed); }
    bool requested() const {
        return requested_.load(std::memory_order_relaxed) ||
               (flag_ != nullptr && __atomic_load_n(flag_, __ATOMIC_RELAXED) != 0);
    }
    void check() const {
        if (requested()) throw Error("ABORTED", "Stopped on request. Run the same call again to start over or resume.");
    }

  private:
    const int32_t* flag_;
    std::atomic<bool> requested_{false};
};

} // namespace medilora
