#pragma once

#include <stdexcept>
#include <string>

namespace medilora {

/// What native code throws: becomes a MediloraError with the same code in JavaScript.
/// `code` is a member of the closed list in src/errors.ts; the message says what to do next.
class Error : public std::runtime_error {
  public:
    Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
    const char* code() const { return code_; }

  private:
    const char* code_;
};

} // namespace medilora
