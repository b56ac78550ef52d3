#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace medilora {

/// A fixed set of threads that run loops; between two loops they spin for some microseconds, then sleep. Not reentrant:
/// a loop's body must not start another loop.
class ThreadPool {
  public:
    /// `threads` >= 1 counts the calling thread.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int size() const { return static_cast<int>(workers_.size()) + 1; }

    /// Calls body(index, thread) for every index in [0, count), indexes handed out one by one.
    /// Returns when all are done, without waiting for threads that found none left; rethrows the first exception.
    void run(int64_t count, const std::function<void(int64_t index, int thread)>& body);

    /// Calls body(begin, end) on slices of [0, count) that are multiples of `grain` long.
    void slices(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

  private:
    void work(int thread);
    bool enter();
    void drain(int thread);

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    const std::function<void(int64_t, int)>* body_ = nullptr;
    std::atomic<int64_t> next_{0};
    int64_t count_ = 0;
    // Read by spinning threads without the mutex; changed under it, so that no sleeping thread misses the change.
    std::atomic<uint64_t> generation_{0};
    // Whether a loop takes threads, and how many are in it; a closed loop that the last thread has left is 0.
    static constexpr uint32_t kOpen = 1, kThread = 2;
    std::atomic<uint32_t> state_{0};
    std::atomic<bool> stop_{false};
    std::exception_ptr failure_;
};

/// Threads to use when the caller names none: the cores this process may run on.
int default_threads();

} // namespace medilora
