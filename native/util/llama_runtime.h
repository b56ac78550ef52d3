#pragma once

#include <functional>
#include <string>

namespace medilora {

/// Loads ggml's CPU backend (once a process) and silences llama.cpp's log. Call before anything of llama.cpp.
/// Throws NATIVE_UNAVAILABLE when no CPU backend fits this machine.
void init_llama_runtime();

/// While alive, passes the log of llama.cpp that this thread causes to `listener` (which may throw, to stop
/// the call that logs). llama.cpp explains its failures only in its log.
class LogListener {
  public:
    using Function = std::function<void(bool error, const std::string& line)>;
    explicit LogListener(Function listener);
    ~LogListener();
    LogListener(const LogListener&) = delete;
    LogListener& operator=(const LogListener&) = delete;

  private:
    Function listener_;
    const Function* outer_;
};

/// Collects the errors that llama.cpp logs on this thread, for the message of ours.
class LogErrors {
  public:
    LogErrors();
    void add(const std::string& line);
    /// What was logged, on one line; empty when nothing was.
    const std::string& text() const { return text_; }

  private:
    std::string text_;
    LogListener listener_;
};

} // namespace medilora
