#include "addon/job.h"

#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_set>

namespace medilora {

namespace {

/// Lives from start_job until its promise is settled, or until the environment's clean-up hook.
struct Job {
    Job(Napi::Env env, const int32_t* flag) : cancel(flag), deferred(Napi::Promise::Deferred::New(env)) {}

    Cancel cancel;
    Napi::Promise::Deferred deferred;
    Napi::ObjectReference options; ///< keeps the arrays alive into which the work looks
    Napi::FunctionReference on_progress;
    napi_threadsafe_function channel = nullptr;
    std::function<ValueBuilder(JobContext&)> work;
    std::thread thread;
};

/// The jobs that neither were settled nor ended with their environment. A runtime may run the clean-up hook of a job
/// that it settles at that moment, or deliver a message behind the hook (seen in Bun): whoever comes second finds no
/// job.
class LiveJobs {
  public:
    void add(Job* job) {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.insert(job);
    }
    bool has(Job* job) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return jobs_.count(job) > 0;
    }
    /// False where somebody else did.
    bool take(Job* job) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return jobs_.erase(job) > 0;
    }

  private:
    std::mutex mutex_;
    std::unordered_set<Job*> jobs_;
};

LiveJobs& live_jobs() {
    static LiveJobs jobs;
    return jobs;
}

struct Message {
    Job* job;
    bool last;
    ValueBuilder build;
    const char* error_code = nullptr;
    std::string error_message;
};

/// False when the environment is going away: then nobody listens any more.
bool send(Job* job, std::unique_ptr<Message> message) {
    if (napi_call_threadsafe_function(job->channel, message.get(), napi_tsfn_nonblocking) != napi_ok) return false;
    message.release();
    return true;
}

void end_with_environment(void* data) {
    if (!live_jobs().take(static_cast<Job*>(data))) return;
    std::unique_ptr<Job> job(static_cast<Job*>(data));
    job->cancel.request();
    job->thread.join();
    // The references die with the environment; resetting them here would call into it too late.
    job->options.SuppressDestruct();
    job->on_progress.SuppressDestruct();
}

void settle(Napi::Env env, Message& message) {
    std::unique_ptr<Job> job(message.job);
    napi_remove_env_cleanup_hook(env, end_with_environment, job.get());
    job->thread.join();
    if (message.error_code != nullptr) {
        job->deferred.Reject(to_js_error(env, message.error_code, message.error_message).Value());
        return;
    }
    try {
        job->deferred.Resolve(message.build(env));
    } catch (const Napi::Error& error) {
        job->deferred.Reject(error.Value());
    }
}

/// Throws into JavaScript what no promise can carry. In an environment that is being terminated nothing can be called
/// any more, and nobody listens.
void raise(Napi::Env env, const Napi::Error& error) {
    try {
        napi_fatal_exception(env, error.Value());
    } catch (const Napi::Error&) {
    }
}

/// Runs on the JavaScript thread for each message; env is null when the environment is ending. Between
/// worker.terminate() and that moment env is there, but every call into it fails, settling a promise included. No
/// exception may leave: Node.js calls this from C.
void deliver(napi_env raw_env, napi_value, void*, void* data) {
    std::unique_ptr<Message> message(static_cast<Message*>(data));
    if (raw_env == nullptr) return;
    Napi::Env env(raw_env);
    Napi::HandleScope scope(env);
    try {
        if (message->last) {
            if (live_jobs().take(message->job)) settle(env, *message);
        } else if (live_jobs().has(message->job))
            message->job->on_progress.Call({message->build(env)});
    } catch (const Napi::Error& error) {
        // A callback that throws must not be lost, nor take the job down with it.
        raise(env, error);
    }
}

std::unique_ptr<Message> run_work(Job* job) {
    auto result = std::make_unique<Message>(Message{job, true, undefined_value, nullptr, {}});
    auto failed = [&](const char* code, const std::string& text) {
        result->error_code = code;
        result->error_message = text;
    };
    const bool listening = !job->on_progress.IsEmpty();
    JobContext context{job->cancel, [job, listening](ValueBuilder build) {
                           if (listening)
                               send(job, std::make_unique<Message>(Message{job, false, std::move(build), nullptr, {}}));
                       }};
    try {
        result->build = job->work(context);
    } catch (const Error& error) {
        failed(error.code(), error.what());
    } catch (const std::bad_alloc&) {
        failed("OUT_OF_MEMORY", "Not enough memory. Use a smaller sequence_len, micro_batch_size, context or model.");
    } catch (const std::exception& error) {
        failed("INTERNAL", std::string("Unexpected failure in native code: ") + error.what());
    }
    job->work = nullptr; // Releases what the work holds before the promise settles.
    return result;
}

void thread_main(Job* job) {
    napi_threadsafe_function channel = job->channel;
    if (send(job, run_work(job))) napi_release_threadsafe_function(channel, napi_tsfn_release);
}

} // namespace

Napi::Value undefined_value(Napi::Env env) {
    return env.Undefined();
}

Napi::Error to_js_error(Napi::Env env, const char* code, const std::string& message) {
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", Napi::String::New(env, code));
    return error;
}

Napi::Value guarded(Napi::Env env, const std::function<Napi::Value()>& body) {
    try {
        return body();
    } catch (const Error& error) {
        throw to_js_error(env, error.code(), error.what());
    } catch (const Napi::Error&) {
        throw;
    } catch (const std::bad_alloc&) {
        throw to_js_error(env, "OUT_OF_MEMORY", "Not enough memory for this call.");
    } catch (const std::exception& error) {
        throw to_js_error(env, "INTERNAL", std::string("Unexpected failure in native code: ") + error.what());
    }
}

Napi::Promise start_job(Napi::Env env, const Napi::Value& options, std::function<ValueBuilder(JobContext&)> work) {
    const Napi::Object object = options.IsObject() ? options.As<Napi::Object>() : Napi::Object::New(env);
    const Napi::Value flag = object.Get("cancel");
    const bool has_flag = flag.IsTypedArray() && flag.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array &&
                          flag.As<Napi::TypedArray>().ElementLength() == 1;
    auto job = std::make_unique<Job>(env, has_flag ? flag.As<Napi::Int32Array>().Data() : nullptr);
    job->options = Napi::Persistent(object);
    const Napi::Value progress = object.Get("onProgress");
    if (progress.IsFunction()) job->on_progress = Napi::Persistent(progress.As<Napi::Function>());
    job->work = std::move(work);
    const napi_status status =
        napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "medilora"), 0, 1, nullptr,
                                        nullptr, nullptr, deliver, &job->channel);
    if (status != napi_ok) throw to_js_error(env, "INTERNAL", "Cannot create a thread-safe function.");
    // Added after the function's own hook and so run before it: the thread is joined while its channel is alive.
    napi_add_env_cleanup_hook(env, end_with_environment, job.get());
    const Napi::Promise promise = job->deferred.Promise();
    Job* running = job.release();
    live_jobs().add(running);
    running->thread = std::thread(thread_main, running);
    return promise;
}

} // namespace medilora
