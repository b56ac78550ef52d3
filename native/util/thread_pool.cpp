#include "util/thread_pool.h"

#include <algorithm>
#include <chrono>

#ifdef __linux__
#include <sched.h>
#endif

namespace medilora {

namespace {

/// A sleeping thread needs about 50 us to wake, and a model's layers start loops every few of them. Spinning longer
/// than this would take time from ggml's threads, whose nodes run between ours.
constexpr std::chrono::microseconds kSpin{20};

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// True when `ready` came true while spinning.
template <typename Ready> bool spin_until(Ready ready) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
        for (int i = 0; i < 16; ++i) {
            if (ready()) return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

} // namespace

ThreadPool::ThreadPool(int threads) {
    for (int t = 1; t < threads; ++t) workers_.emplace_back([this, t] { work(t); });
}

ThreadPool::~ThreadPool() {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        stop_ = true;
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void ThreadPool::drain(int thread) {
    for (int64_t i; (i = next_.fetch_add(1)) < count_;) {
        try {
            (*body_)(i, thread);
        } catch (...) {
            next_.store(count_);
            std::lock_guard<std::mutex> lock(mutex_);
            if (!failure_) failure_ = std::current_exception();
        }
    }
}

/// False when the loop is over: a thread that wakes late has nothing to do, and nobody waits for it.
bool ThreadPool::enter() {
    uint32_t state = state_.load();
    while ((state & kOpen) != 0)
        if (state_.compare_exchange_weak(state, state + kThread)) return true;
    return false;
}

void ThreadPool::work(int thread) {
    uint64_t seen = 0;
    const auto called = [&] { return generation_.load() != seen; };
    for (;;) {
        if (!spin_until(called)) {
            std::unique_lock<std::mutex> lock(mutex_);
            wake_.wait(lock, called);
        }
        if (stop_) return;
        seen = generation_.load();
        if (!enter()) continue;
        drain(thread);
        if (state_.fetch_sub(kThread) != kThread) continue;
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
    }
}

void ThreadPool::run(int64_t count, const std::function<void(int64_t, int)>& body) {
    if (workers_.empty() || count <= 1) {
        for (int64_t i = 0; i < count; ++i) body(i, 0);
        return;
    }
    {
        std::lock_guard<std::mutex> lock(mutex_);
        body_ = &body;
        count_ = count;
        next_.store(0);
        failure_ = nullptr;
        state_.store(kOpen);
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    drain(0);
    state_.fetch_and(~kOpen);
    const auto all_done = [&] { return state_.load() == 0; };
    if (!spin_until(all_done)) {
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, all_done);
    }
    if (failure_) std::rethrow_exception(failure_);
}

void ThreadPool::slices(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
    const int64_t units = (count + grain - 1) / grain;
    const int64_t parts = std::min<int64_t>(units, size());
    run(parts, [&](int64_t part, int) {
        const int64_t begin = units * part / parts * grain;
        const int64_t end = std::min(count, units * (part + 1) / parts * grain);
        body(begin, end);
    });
}

int default_threads() {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1u, std::thread::hardware_concurrency());
}

} // namespace medilora
