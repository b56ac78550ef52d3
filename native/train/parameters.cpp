#include "train/parameters.h"

#include <cstring>

namespace medilora {

size_t ParameterSet::add(const std::string& name, int64_t rows, int64_t cols, bool decay) {
    by_name_[name] = list_.size();
    list_.push_back({name, rows, cols, size_, decay});
    size_ += (rows * cols + 15) / 16 * 16; // keeps every tensor on a 64-byte boundary
    return list_.size() - 1;
}

void ParameterSet::allocate() {
    for (Buffer* buffer : {&values_, &gradients_}) std::memset(buffer->resize(size_), 0, size_ * sizeof(float));
}

const Parameter* ParameterSet::find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &list_[found->second];
}

} // namespace medilora
