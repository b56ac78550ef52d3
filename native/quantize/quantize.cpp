#include "quantize/quantize.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sys/statvfs.h>

#include "gguf/finite.h"
#include "gguf/model_check.h"
#include "gguf/split.h"
#include "llama.h"
#include "util/error.h"
#include "util/llama_runtime.h"
#include "util/temporary_file.h"

namespace medilora {

namespace {

struct NamedType {
    const char* name;
    llama_ftype ftype;
};

const NamedType kTypes[] = {
    {"F32", LLAMA_FTYPE_ALL_F32},
    {"F16", LLAMA_FTYPE_MOSTLY_F16},
    {"BF16", LLAMA_FTYPE_MOSTLY_BF16},
    {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
    {"Q6_K", LLAMA_FTYPE_MOSTLY_Q6_K},
    {"Q5_K_M", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    {"Q5_K_S", LLAMA_FTYPE_MOSTLY_Q5_K_S},
    {"Q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},
    {"Q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
    {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M},
    {"Q4_K_S", LLAMA_FTYPE_MOSTLY_Q4_K_S},
    {"Q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},
    {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},
    {"IQ4_NL", LLAMA_FTYPE_MOSTLY_IQ4_NL},
    {"IQ4_XS", LLAMA_FTYPE_MOSTLY_IQ4_XS},
    {"Q3_K_L", LLAMA_FTYPE_MOSTLY_Q3_K_L},
    {"Q3_K_M", LLAMA_FTYPE_MOSTLY_Q3_K_M},
    {"Q3_K_S", LLAMA_FTYPE_MOSTLY_Q3_K_S},
    {"IQ3_M", LLAMA_FTYPE_MOSTLY_IQ3_M},
    {"IQ3_S", LLAMA_FTYPE_MOSTLY_IQ3_S},
    {"IQ3_XS", LLAMA_FTYPE_MOSTLY_IQ3_XS},
    {"IQ3_XXS", LLAMA_FTYPE_MOSTLY_IQ3_XXS},
    {"Q2_K", LLAMA_FTYPE_MOSTLY_Q2_K},
    {"Q2_K_S", LLAMA_FTYPE_MOSTLY_Q2_K_S},
    {"Q2_0", LLAMA_FTYPE_MOSTLY_Q2_0},
    {"IQ2_M", LLAMA_FTYPE_MOSTLY_IQ2_M},
    {"IQ2_S", LLAMA_FTYPE_MOSTLY_IQ2_S},
    {"IQ2_XS", LLAMA_FTYPE_MOSTLY_IQ2_XS},
    {"IQ2_XXS", LLAMA_FTYPE_MOSTLY_IQ2_XXS},
    {"IQ1_M", LLAMA_FTYPE_MOSTLY_IQ1_M},
    {"IQ1_S", LLAMA_FTYPE_MOSTLY_IQ1_S},
    {"Q1_0", LLAMA_FTYPE_MOSTLY_Q1_0},
    {"TQ2_0", LLAMA_FTYPE_MOSTLY_TQ2_0},
    {"TQ1_0", LLAMA_FTYPE_MOSTLY_TQ1_0},
    {"MXFP4_MOE", LLAMA_FTYPE_MOSTLY_MXFP4_MOE},
};

llama_ftype ftype_of(const std::string& name) {
    for (const NamedType& type : kTypes)
        if (name == type.name) return type.ftype;
    std::string names;
    for (const NamedType& type : kTypes) names += (names.empty() ? "" : ", ") + std::string(type.name);
    throw Error("TYPE_UNSUPPORTED", "Unknown quantisation type. Use one of " + names + ".");
}

void check_tensors(const GgufFile& file, const QuantizeOptions& options, const Cancel& cancel) {
    for (const GgufTensor& tensor : file.tensors()) {
        cancel.check();
        if (ggml_is_quantized(tensor.type) && !options.allow_requantize)
            throw Error("QUANTIZE_FAILED", file.path() + " is quantised already (" + ggml_type_name(tensor.type) +
                                               "). Quantise the F32, F16 or BF16 model, or set allowRequantize.");
        // ggml would say so on stderr, past every log callback.
        if (!tensor_is_finite(tensor)) file.invalid(tensor.name + " holds NaN or infinity");
    }
}

/// What llama_model_quantize would stop at, or abort on, said before it starts.
void check_input(const QuantizeOptions& options, const Cancel& cancel) {
    const GgufFile file(options.input);
    if (file.string("general.type", "model") != "model")
        throw Error("MODEL_INVALID", options.input + " is no model (general.type = " + file.string("general.type") +
                                         "). Merge an adapter into its base first.");
    file.string("general.architecture");
    check_model_metadata(file);
    const std::vector<std::string> parts = model_parts(file);
    for (const std::string& part : parts) refuse_same_file(part, options.output);
    check_tensors(file, options, cancel);
    for (size_t i = 1; i < parts.size(); ++i) {
        const GgufFile part(parts[i]);
        check_later_part(part);
        check_tensors(part, options, cancel);
    }
}

bool disk_is_full(const std::string& path) {
    const auto slash = path.find_last_of('/');
    struct statvfs info;
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
    return statvfs(folder.c_str(), &info) == 0 && info.f_bavail * info.f_frsize < (1 << 20);
}

/// `temporary` lies where the output is to be, also when that is a symbolic link.
[[noreturn]] void throw_failure(const QuantizeOptions& options, const std::string& temporary,
                                const std::string& reason) {
    if (disk_is_full(temporary)) throw_write_error(options.output, ENOSPC);
    if (reason.find("importance matrix") != std::string::npos)
        throw Error("QUANTIZE_FAILED", options.type + " needs an importance matrix for this model, which medilora " +
                                           "cannot give yet. Use Q2_K, IQ3_S, Q3_K_S or a larger type.");
    if (reason.find("data validation failed") != std::string::npos)
        throw Error("QUANTIZE_FAILED", "A weight of " + options.input + " is too large for " + options.type +
                                           ". Use another type, BF16 for instance, or check the model.");
    throw Error("QUANTIZE_FAILED", "llama.cpp could not quantise " + options.input + " to " + options.type + ": " +
                                       reason + ". Check the model and the type.");
}

} // namespace

const std::vector<std::string>& quantize_types() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const NamedType& type : kTypes) out.push_back(type.name);
        return out;
    }();
    return names;
}

size_t quantize(const QuantizeOptions& options, const Cancel& cancel,
                const std::function<void(int64_t, int64_t)>& progress) {
    init_llama_runtime();
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = ftype_of(options.type);
    params.nthread = options.threads;
    params.allow_requantize = options.allow_requantize;
    check_input(options, cancel);

    TemporaryFile temporary(options.output);
    LogErrors errors;
    // llama.cpp names each tensor in its log before it works on it, and has no other progress or way to stop:
    // what the listener throws ends llama_model_quantize, whose own handler tidies up.
    const LogListener listener([&](bool error, const std::string& line) {
        if (error) return errors.add(line);
        long done, total;
        if (std::sscanf(line.c_str(), "[%ld/%ld]", &done, &total) != 2) return;
        cancel.check();
        progress(done - 1, total);
    });
    const uint32_t failed = llama_model_quantize(options.input.c_str(), temporary.path().c_str(), &params);
    cancel.check();
    if (failed != 0) throw_failure(options, temporary.path(), errors.text());
    // The stream that llama.cpp writes to reports some failures late or not at all: read the result back.
    const size_t bytes = GgufFile(temporary.path()).size();
    temporary.publish();
    return bytes;
}

} // namespace medilora
