#pragma once

#include <cmath>
#include <cstdint>
#include <napi.h>
#include <string>
#include <vector>

#include "util/error.h"

namespace medilora {

/// Reads the fields of an options object; a missing or mistyped one is an ARGUMENT_INVALID that names it.
class Args {
  public:
    explicit Args(const Napi::Value& value) {
        if (!value.IsObject()) throw Error("ARGUMENT_INVALID", "An options object is expected.");
        object_ = value.As<Napi::Object>();
    }

    bool has(const char* name) const { return !get(name).IsUndefined() && !get(name).IsNull(); }
    Napi::Value get(const char* name) const { return object_.Get(name); }

    std::string string(const char* name) const {
        const Napi::Value value = get(name);
        if (!value.IsString()) throw wrong(name, "a string");
        const std::string text = value.As<Napi::String>().Utf8Value();
        if (text.find('\0') != std::string::npos) throw wrong(name, "a string without NUL characters");
        return text;
    }
    std::string string(const char* name, const char* fallback) const { return has(name) ? string(name) : fallback; }

    double number(const char* name) const {
        const Napi::Value value = get(name);
        if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue()))
            throw wrong(name, "a finite number");
        return value.As<Napi::Number>().DoubleValue();
    }
    double number(const char* name, double fallback) const { return has(name) ? number(name) : fallback; }

    int64_t integer(const char* name, int64_t low, int64_t high) const {
        const double value = number(name);
        if (value != std::floor(value) || value < static_cast<double>(low) || value > static_cast<double>(high))
            throw wrong(name, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
        return static_cast<int64_t>(value);
    }
    int64_t integer(const char* name, int64_t low, int64_t high, int64_t fallback) const {
        return has(name) ? integer(name, low, high) : fallback;
    }

    bool boolean(const char* name, bool fallback) const {
        if (!has(name)) return fallback;
        if (!get(name).IsBoolean()) throw wrong(name, "true or false");
        return get(name).As<Napi::Boolean>().Value();
    }

    /// Copies an Int32Array.
    std::vector<int32_t> ints(const char* name) const {
        const Napi::Value value = get(name);
        if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
            throw wrong(name, "an Int32Array");
        const auto array = value.As<Napi::Int32Array>();
        return std::vector<int32_t>(array.Data(), array.Data() + array.ElementLength());
    }

    std::vector<std::string> strings(const char* name) const {
        const Napi::Value value = get(name);
        if (!value.IsArray()) throw wrong(name, "an array of strings");
        const auto array = value.As<Napi::Array>();
        std::vector<std::string> out;
        for (uint32_t i = 0; i < array.Length(); ++i) {
            const Napi::Value item = array.Get(i);
            if (!item.IsString()) throw wrong(name, "an array of strings");
            out.push_back(item.As<Napi::String>().Utf8Value());
        }
        return out;
    }

    std::vector<std::string> keys() const {
        std::vector<std::string> out;
        const Napi::Array names = object_.GetPropertyNames();
        for (uint32_t i = 0; i < names.Length(); ++i) out.push_back(names.Get(i).As<Napi::String>().Utf8Value());
        return out;
    }

    Args object(const char* name) const { return Args(get(name)); }

  private:
    static Error wrong(const char* name, const std::string& expected) {
        return Error("ARGUMENT_INVALID", std::string("Option `") + name + "` must be " + expected + ".");
    }

    Napi::Object object_;
};

/// Calls read(item) for every item of an array; an absent array is empty.
template <typename Read> void each(const Args& args, const char* name, Read read) {
    if (!args.has(name)) return;
    if (!args.get(name).IsArray())
        throw Error("ARGUMENT_INVALID", std::string("Option `") + name + "` must be an array.");
    const auto array = args.get(name).As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) read(Args(array.Get(i)));
}

/// Copies native numbers into a new JavaScript typed array.
inline Napi::Value to_float32_array(Napi::Env env, const std::vector<float>& values) {
    auto array = Napi::Float32Array::New(env, values.size());
    std::copy(values.begin(), values.end(), array.Data());
    return array;
}

inline Napi::Value to_int32_array(Napi::Env env, const std::vector<int32_t>& values) {
    auto array = Napi::Int32Array::New(env, values.size());
    std::copy(values.begin(), values.end(), array.Data());
    return array;
}

} // namespace medilora
