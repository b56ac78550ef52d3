#include "gemm/choose.h"

#include <cstdlib>
#include <string>

#if defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "util/error.h"

namespace medilora {

namespace {

struct Set {
    const char* name;
    bool runs;
    const Kernels& (*kernels)();
};

#if defined(__x86_64__)
bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#elif defined(__aarch64__)
bool has_neon_bf16() {
#if defined(__APPLE__)
    int present = 0;
    size_t size = sizeof(present);
    return sysctlbyname("hw.optional.arm.FEAT_BF16", &present, &size, nullptr, 0) == 0 && present != 0;
#else
    return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0 && (getauxval(AT_HWCAP) & HWCAP_ASIMDHP) != 0;
#endif
}
#endif

/// Fastest first.
const std::vector<Set>& sets() {
    static const std::vector<Set> all = {
#if defined(__x86_64__)
        {"avx512bf16", has_avx512() && __builtin_cpu_supports("avx512bf16"), kernels_avx512bf16},
        {"avx512", has_avx512(), kernels_avx512},
        // F16C came before AVX2; not every compiler can ask for it.
        {"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), kernels_avx2},
#elif defined(__aarch64__)
        {"neonbf16", has_neon_bf16(), kernels_neonbf16},
        {"neon", true, kernels_neon},
#endif
        {"generic", true, kernels_generic},
    };
    return all;
}

/// Empty when the variable is not set.
std::string forced() {
    const char* value = std::getenv("MEDILORA_GEMM");
    return value == nullptr ? "" : value;
}

const Kernels& fastest() {
    for (const Set& set : sets())
        if (set.runs) return set.kernels();
    return kernels_generic();
}

} // namespace

const Kernels& kernels_named(const std::string& name) {
    std::string usable;
    for (const Set& set : sets()) {
        if (!set.runs) continue;
        if (name == set.name) return set.kernels();
        usable += std::string(set.name) + ", ";
    }
    throw Error("ARGUMENT_INVALID",
                "The instruction set \"" + name + "\" (MEDILORA_GEMM) does not run here. Use " + usable + "or off.");
}

std::vector<const Kernels*> usable_kernels() {
    std::vector<const Kernels*> out;
    for (const Set& set : sets())
        if (set.runs) out.push_back(&set.kernels());
    return out;
}

const Kernels& kernels() {
    static const Kernels& chosen = forced().empty() || forced() == "off" ? fastest() : kernels_named(forced());
    return chosen;
}

bool gemm_is_off() {
    static const bool off = forced() == "off";
    return off;
}

bool gemm_backend_wanted() {
    if (gemm_is_off()) return false;
    // Looked up even when forced, so that a wrong name is an error here and not inside ggml.
    const bool generic = kernels().name == std::string("generic");
    return !forced().empty() || !generic;
}

} // namespace medilora
