#pragma once

#include <functional>
#include <napi.h>

#include "util/cancel.h"

namespace medilora {

/// Builds a JavaScript value on the JavaScript thread from what native code computed.
using ValueBuilder = std::function<Napi::Value(Napi::Env)>;

/// What a job's work may use: it runs on its own thread and touches no JavaScript value.
struct JobContext {
    const Cancel& cancel;
    /// Sends a progress value to the caller's onProgress; does nothing when there is none.
    std::function<void(ValueBuilder)> report;
};

/// Runs `work` on a thread of its own and returns a promise of the value it builds.
/// `options` may hold `cancel` (Int32Array of length 1, non-zero stops) and `onProgress` (function). It lives as long
/// as the job, and with it arrays that the work reads. When the environment ends first (worker.terminate(), process
/// exit), the work is cancelled and joined.
Napi::Promise start_job(Napi::Env env, const Napi::Value& options, std::function<ValueBuilder(JobContext&)> work);

/// A JavaScript Error with our code.
Napi::Error to_js_error(Napi::Env env, const char* code, const std::string& message);

/// Runs a synchronous piece of native code, turning medilora::Error into a JavaScript exception.
Napi::Value guarded(Napi::Env env, const std::function<Napi::Value()>& body);

/// Builds undefined.
Napi::Value undefined_value(Napi::Env env);

} // namespace medilora
