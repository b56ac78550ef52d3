#include "util/llama_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "ggml-backend.h"
#include "llama.h"
#include "util/error.h"

#ifndef MEDILORA_LLAMA_STATIC
#include <dlfcn.h>
#endif

namespace medilora {

namespace {

thread_local const LogListener::Function* listener_of_thread = nullptr;

ggml_log_callback previous_callback = nullptr;
void* previous_data = nullptr;

bool verbose() {
    static const bool on = std::getenv("MEDILORA_LLAMA_LOG") != nullptr;
    return on;
}

/// Ours stands in front of the callback that was set before (node-llama-cpp's, when both are in one process):
/// lines of our own threads go to their listener, all others go on as before.
void route_log(ggml_log_level level, const char* text, void*) {
    if (listener_of_thread != nullptr) (*listener_of_thread)(level == GGML_LOG_LEVEL_ERROR, text);
    if (verbose())
        std::fputs(text, stderr);
    else if (listener_of_thread == nullptr && previous_callback != nullptr)
        previous_callback(level, text, previous_data);
}

void drop_log(ggml_log_level, const char*, void*) {}

bool has_cpu() {
    return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr;
}

void load_cpu_backend() {
#ifndef MEDILORA_LLAMA_STATIC
    // The families' libraries lie beside libllama; ggml picks the best one for this processor.
    Dl_info info;
    if (!has_cpu() && dladdr(reinterpret_cast<void*>(&llama_backend_init), &info) != 0) {
        const std::string library = info.dli_fname;
        ggml_backend_load_all_from_path(library.substr(0, library.find_last_of('/')).c_str());
    }
#endif
    if (!has_cpu())
        throw Error(
            "NATIVE_UNAVAILABLE",
            "No ggml CPU backend that fits this machine is beside libllama. What is missing: npx medilora doctor");
}

/// node-llama-cpp may set its callback after ours; then ours is put in front again.
void install_route() {
    ggml_log_callback current;
    void* data;
    llama_log_get(&current, &data);
    if (current == route_log) return;
    previous_callback = current;
    previous_data = data;
    llama_log_set(route_log, nullptr);
}

std::mutex route_mutex;

} // namespace

void init_llama_runtime() {
    static std::once_flag once;
    std::call_once(once, [] {
        // Nothing else has set a log yet: llama.cpp's own default would print to stderr.
        if (!has_cpu() && !verbose()) llama_log_set(drop_log, nullptr);
        load_cpu_backend();
        llama_backend_init();
    });
    std::lock_guard<std::mutex> lock(route_mutex);
    install_route();
}

LogListener::LogListener(Function listener) : listener_(std::move(listener)), outer_(listener_of_thread) {
    std::lock_guard<std::mutex> lock(route_mutex);
    install_route();
    listener_of_thread = &listener_;
}

LogListener::~LogListener() {
    listener_of_thread = outer_;
}

LogErrors::LogErrors()
    : listener_([this](bool error, const std::string& line) {
          if (error) add(line);
      }) {}

void LogErrors::add(const std::string& line) {
    if (text_.size() > 1000) return;
    for (const char c : line) text_ += c == '\n' ? ' ' : c;
}

} // namespace medilora
