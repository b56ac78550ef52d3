#pragma once

#include "addon/args.h"
#include "addon/job.h"
#include "gguf/gguf_writer.h"
#include "util/thread_pool.h"

namespace medilora {

/// Option `threads`: 1 to 512, by default the cores this process may use.
inline int threads_option(const Args& args) {
    return static_cast<int>(args.integer("threads", 1, 512, default_threads()));
}

/// Option `metadata`: an object of strings.
inline Metadata metadata_option(const Args& args) {
    Metadata out;
    if (!args.has("metadata")) return out;
    const Args metadata = args.object("metadata");
    for (const std::string& key : metadata.keys()) out.emplace_back(key, metadata.string(key.c_str()));
    return out;
}

/// Builds an object of numbers.
inline ValueBuilder numbers_object(std::vector<std::pair<const char*, size_t>> fields) {
    return [fields](Napi::Env env) -> Napi::Value {
        auto value = Napi::Object::New(env);
        for (const auto& [name, number] : fields) value.Set(name, static_cast<double>(number));
        return value;
    };
}

/// A progress function that sends {done, total}.
inline std::function<void(int64_t, int64_t)> report_count(JobContext& context) {
    return [&context](int64_t done, int64_t total) {
        context.report([done, total](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("done", static_cast<double>(done));
            value.Set("total", static_cast<double>(total));
            return value;
        });
    };
}

} // namespace medilora
