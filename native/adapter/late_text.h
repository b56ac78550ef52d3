#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "util/cancel.h"

namespace medilora {

/// A text of known length that the caller gives while the work already runs. The memory is the caller's.
class LateText {
  public:
    /// The text is complete once `ready` is not 0.
    LateText(const char* text, size_t length, const int32_t* ready) : text_(text), length_(length), ready_(ready) {}

    size_t length() const { return length_; }

    /// Throws ABORTED.
    std::string wait(const Cancel& cancel) const {
        while (__atomic_load_n(ready_, __ATOMIC_ACQUIRE) == 0) {
            cancel.check();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return std::string(text_, length_);
    }

  private:
    const char* text_;
    size_t length_;
    const int32_t* ready_;
};

} // namespace medilora
