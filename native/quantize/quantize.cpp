#include "quantize/quantize.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <sys/statvfs.h>

#include "gguf/finite.h"
#include "gguf/model_check.h"
#include "gguf/split.h"
#include "quantize/quantize_params.h"
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

const std::map<std::string, std::string> kAliases{{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}};

NamedType type_of(const std::string& text) {
    std::string name = upper_case(text);
    const auto alias = kAliases.find(name);
    if (alias != kAliases.end()) name = alias->second;
    for (const NamedType& type : kTypes)
        if (name == type.name) return type;
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

/// What llama_model_quantize would stop at, or abort on, said before it starts. Returns the tensors of all parts; their
/// data is gone.
std::vector<GgufTensor> check_input(const QuantizeOptions& options, const Cancel& cancel) {
    const GgufFile file(options.input);
    if (file.string("general.type", "model") != "model")
        throw Error("MODEL_INVALID", options.input + " is no model (general.type = " + file.string("general.type") +
                                         "). Merge an adapter into its base first.");
    file.string("general.architecture");
    check_model_metadata(file);
    const std::vector<std::string> parts = model_parts(file);
    for (const std::string& part : parts) refuse_same_file(part, options.output);
    check_tensors(file, options, cancel);
    std::vector<GgufTensor> tensors = file.tensors();
    for (size_t i = 1; i < parts.size(); ++i) {
        const GgufFile part(parts[i]);
        check_later_part(part);
        check_tensors(part, options, cancel);
        tensors.insert(tensors.end(), part.tensors().begin(), part.tensors().end());
    }
    return tensors;
}

/// llama.cpp leaves out of use what names no tensor, so that the matrix of another model would go unnoticed.
void check_imatrix(const Imatrix& imatrix, const QuantizeOptions& options, const std::vector<GgufTensor>& tensors) {
    std::map<std::string, size_t> sizes;
    for (const GgufTensor& tensor : tensors) sizes[tensor.name] = tensor.ne[0] * tensor.ne[2];
    for (const auto& [name, entry] : imatrix.entries) {
        const auto found = sizes.find(name);
        if (found != sizes.end() && found->second == entry.sums.size()) continue;
        throw Error("QUANTIZE_FAILED", options.imatrix +
                                           " is the importance matrix of another model: " + options.input + " has no " +
                                           name + " of " + std::to_string(entry.sums.size()) +
                                           " columns. Make one of this model: medilora imatrix.");
    }
}

bool disk_is_full(const std::string& path) {
    const auto slash = path.find_last_of('/');
    struct statvfs info;
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
    return statvfs(folder.c_str(), &info) == 0 && info.f_bavail * info.f_frsize < (1 << 20);
}

/// The word that follows `before` in a message of llama.cpp.
std::string word_after(const std::string& message, const std::string& before) {
    const size_t found = message.find(before);
    if (found == std::string::npos) return "a tensor";
    const size_t begin = found + before.size();
    return message.substr(begin, message.find(' ', begin) - begin);
}

/// Reads llama.cpp's log, which names each tensor before it is worked on: there is no other way to know of progress,
/// nor to stop. What this throws ends llama_model_quantize, whose own handler tidies up.
class QuantizeLog {
  public:
    QuantizeLog(const Cancel& cancel, const std::function<void(int64_t, int64_t)>& progress)
        : cancel_(cancel), progress_(progress), listener_([this](bool error, const std::string& line) {
              if (error)
                  errors_.add(line);
              else
                  read(line);
          }) {}

    std::string errors() const { return errors_.text(); }
    QuantizeResult result;

  private:
    void read(const std::string& line) {
        if (line.find("-> falling back to") != std::string::npos) ++result.fallbacks;
        if (line.find("did not find weights for") != std::string::npos &&
            line.find("token_embd.weight") == std::string::npos && line.find(" output.weight") == std::string::npos)
            ++result.without_importance;
        long done, total;
        if (std::sscanf(line.c_str(), "[%ld/%ld]", &done, &total) != 2) return;
        cancel_.check();
        progress_(done - 1, total);
    }

    const Cancel& cancel_;
    const std::function<void(int64_t, int64_t)>& progress_;
    LogErrors errors_;
    LogListener listener_;
};

/// `temporary` lies where the output is to be, also when that is a symbolic link.
[[noreturn]] void throw_failure(const QuantizeOptions& options, const std::string& temporary,
                                const std::string& reason) {
    if (disk_is_full(temporary)) throw_write_error(options.output, ENOSPC);
    if (reason.find("requires an importance matrix") != std::string::npos)
        throw Error("QUANTIZE_FAILED",
                    word_after(reason, "offending tensor: ") + " would be written as " +
                        word_after(reason, "target type: ") + ", which needs an importance matrix. " +
                        "Make one with medilora imatrix and give it as imatrix, or choose a larger " +
                        "type: Q2_K, IQ3_S and Q3_K_S need none.");
    if (reason.find("Missing importance matrix") != std::string::npos)
        throw Error("QUANTIZE_FAILED", options.imatrix + " says nothing of " + word_after(reason, "for tensor ") +
                                           ", which " + options.type +
                                           " cannot do without. Make an importance matrix " +
                                           "of this model, or give that tensor a larger type.");
    if (reason.find("no tensor type fallback") != std::string::npos)
        throw Error("QUANTIZE_FAILED", "Rows of " + options.input + " are no whole blocks of a type asked for, and " +
                                           "llama.cpp has no other type for such rows. Use Q8_0, or a K-quant.");
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

QuantizeResult quantize(const QuantizeOptions& options, const Cancel& cancel,
                        const std::function<void(int64_t, int64_t)>& progress) {
    init_llama_runtime();
    const NamedType type = type_of(options.type);
    const std::vector<GgufTensor> tensors = check_input(options, cancel);
    QuantizeParams params(type.ftype);
    params.get().nthread = options.threads;
    params.get().allow_requantize = options.allow_requantize;
    Imatrix imatrix;
    if (!options.imatrix.empty()) {
        refuse_same_file(options.imatrix, options.output);
        imatrix = read_imatrix(options.imatrix);
        check_imatrix(imatrix, options, tensors);
        params.set_imatrix(imatrix, options.imatrix);
    }
    check_tensor_types(options.tensor_types, type.name, tensors,
                       [&](const std::string& tensor) { return imatrix.entries.count(tensor) > 0; });
    params.set_tensor_types(options.tensor_types);

    TemporaryFile temporary(options.output);
    QuantizeLog log(cancel, progress);
    const uint32_t failed = llama_model_quantize(options.input.c_str(), temporary.path().c_str(), &params.get());
    cancel.check();
    if (failed != 0) throw_failure(options, temporary.path(), log.errors());
    // The stream that llama.cpp writes to reports some failures late or not at all: read the result back.
    log.result.bytes = GgufFile(temporary.path()).size();
    temporary.publish();
    return log.result;
}

} // namespace medilora
