#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace medilora {

/// Float32 scratch, 64-byte aligned, not initialised. Growing it discards what it held.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(int64_t count) { resize(count); }
    ~Buffer() { std::free(data_); }
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        swap(other);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    float* resize(int64_t count) {
        if (count > capacity_) {
            std::free(data_);
            capacity_ = 0;
            const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 63) / 64 * 64;
            data_ = static_cast<float*>(std::aligned_alloc(64, bytes));
            if (data_ == nullptr) throw std::bad_alloc();
            capacity_ = count;
        }
        return data_;
    }
    float* data() { return data_; }
    const float* data() const { return data_; }
    operator float*() { return data_; }
    operator const float*() const { return data_; }

  private:
    void swap(Buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(capacity_, other.capacity_);
    }

    float* data_ = nullptr;
    int64_t capacity_ = 0;
};

} // namespace medilora
