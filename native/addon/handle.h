#pragma once

#include <memory>
#include <napi.h>

#include "addon/job.h"

namespace medilora {

/// A native object in JavaScript's hands: a tagged external that shares ownership, so that a running
/// job keeps the object alive after dispose. T needs `static const napi_type_tag tag`.
template <typename T> class Handle {
  public:
    static Napi::Value wrap(Napi::Env env, std::shared_ptr<T> object) {
        auto external = Napi::External<std::shared_ptr<T>>::New(
            env, new std::shared_ptr<T>(std::move(object)), [](Napi::Env, std::shared_ptr<T>* held) { delete held; });
        external.TypeTag(&T::tag);
        return external;
    }

    /// Throws ARGUMENT_INVALID for anything but our handle and DISPOSED after dispose.
    static std::shared_ptr<T> get(const Napi::Value& value) {
        std::shared_ptr<T>& held = slot(value);
        if (!held) throw Error("DISPOSED", "This object was disposed. Create a new one.");
        return held;
    }

    static void dispose(const Napi::Value& value) { slot(value).reset(); }

  private:
    static std::shared_ptr<T>& slot(const Napi::Value& value) {
        if (!value.IsExternal() || !value.As<Napi::External<std::shared_ptr<T>>>().CheckTypeTag(&T::tag))
            throw Error("ARGUMENT_INVALID", "Not a handle of the expected kind.");
        return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
    }
};

} // namespace medilora
