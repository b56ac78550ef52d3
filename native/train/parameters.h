#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "util/buffer.h"

namespace medilora {

/// One trainable tensor inside a ParameterSet; row-major, shape [rows, cols] (rows = 1 for a vector).
struct Parameter {
    std::string name;
    int64_t rows, cols;
    int64_t offset; // in floats, into the set's arrays
    bool decay;     // weight decay applies (matrices; not norms)

    int64_t size() const { return rows * cols; }
};

/// All trainable tensors in one float32 array, with their gradients in another of the same layout.
class ParameterSet {
  public:
    /// Returns the tensor's index. Only before allocate().
    size_t add(const std::string& name, int64_t rows, int64_t cols, bool decay);
    /// Allocates the arrays, all zero.
    void allocate();

    const std::vector<Parameter>& list() const { return list_; }
    const Parameter* find(const std::string& name) const;
    int64_t size() const { return size_; }

    float* value(const Parameter& p) { return values_ + p.offset; }
    float* gradient(const Parameter& p) { return gradients_ + p.offset; }

    float* values() { return values_; }
    float* gradients() { return gradients_; }

  private:
    std::vector<Parameter> list_;
    std::unordered_map<std::string, size_t> by_name_;
    int64_t size_ = 0;
    Buffer values_, gradients_;
};

} // namespace medilora
