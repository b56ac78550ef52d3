#include "adapter/merge.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "adapter/row_merger.h"
#include "gguf/gguf_writer.h"
#include "gguf/split.h"
#include "quantize/quantize.h"
#include "util/error.h"

namespace medilora {

namespace {

bool is_matrix(const GgufTensor& tensor) {
    return tensor.ne[1] > 1 || tensor.ne[2] > 1;
}

/// The type in which llama.cpp stores a model's matrices: that of most bytes.
ggml_type main_type(const GgufFile& file) {
    std::map<ggml_type, size_t> bytes;
    for (const GgufTensor& tensor : file.tensors())
        if (is_matrix(tensor)) bytes[tensor.type] += tensor.bytes;
    ggml_type best = GGML_TYPE_F16;
    size_t most = 0;
    for (const auto& [type, size] : bytes)
        if (size > most) {
            best = type;
            most = size;
        }
    return best;
}

/// llama_ftype of a file whose matrices are all of this type.
uint32_t file_type_of(ggml_type type) {
    switch (type) {
    case GGML_TYPE_F32:
        return 0;
    case GGML_TYPE_F16:
        return 1;
    case GGML_TYPE_BF16:
        return 32;
    default:
        throw Error("TYPE_UNSUPPORTED", std::string("A merged model cannot be written as ") + ggml_type_name(type) +
                                            ". Use F32, F16 or BF16, then quantize.");
    }
}

void check_quantization(const std::string& name) {
    const std::vector<std::string>& names = quantize_types();
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
        throw Error("TYPE_UNSUPPORTED", "Unknown quantisation type. `medilora quantize --type list` prints them all.");
}

std::string replaced(std::string text, const std::string& old, const std::string& with) {
    for (size_t at = text.find(old); at != std::string::npos; at = text.find(old, at + with.size()))
        text.replace(at, old.size(), with);
    return text;
}

constexpr const char* kBaseHash = "medilora.base_sha256";

class Merger {
  public:
    Merger(const MergeOptions& options, const LateText& base_sha256, const Cancel& cancel)
        : options_(options), base_sha256_(base_sha256), cancel_(cancel), base_(options.base),
          rows_(options.threads, cancel) {
        for (const std::string& part : base_.paths()) refuse_same_file(part, options.output);
        for (const WeightedAdapter& adapter : options.adapters) open(adapter);
        const ggml_type own = main_type(base_);
        result_.base_quantized = ggml_is_quantized(own);
        result_.type = options.type != GGML_TYPE_COUNT ? options.type : result_.base_quantized ? GGML_TYPE_F16 : own;
        steps_ = static_cast<int64_t>(base_.tensors().size()) * (options.quantize.empty() ? 1 : 2);
    }

    MergeResult run(const std::function<void(int64_t, int64_t)>& progress) {
        declare();
        writer_.begin(options_.output);
        int64_t done = 0;
        for (const GgufTensor& tensor : base_.tensors()) {
            write_tensor(tensor);
            progress(++done, steps_);
        }
        complete_header();
        result_.bytes = options_.quantize.empty() ? writer_.commit() : quantize_merged(done, progress);
        return result_;
    }

  private:
    void open(const WeightedAdapter& adapter) {
        refuse_same_file(adapter.path, options_.output);
        adapters_.push_back(std::make_unique<AdapterFile>(adapter.path));
        check_adapter_fits(*adapters_.back(), base_);
    }

    /// Vectors (norms, biases) keep their type; matrices get the output's.
    ggml_type type_of(const GgufTensor& tensor) const { return is_matrix(tensor) ? result_.type : tensor.type; }

    void declare() {
        gguf_context* metadata = writer_.metadata();
        gguf_set_kv(metadata, base_.context());
        remove_split_metadata(metadata);
        for (int64_t i = gguf_get_n_kv(metadata) - 1; i >= 0; --i) {
            const std::string key = gguf_get_key(metadata, i);
            if (key.rfind("medilora.", 0) == 0) gguf_remove_key(metadata, key.c_str());
        }
        gguf_set_val_u32(metadata, "general.file_type", file_type_of(result_.type));
        writer_.set_texts(options_.metadata);
        writer_.set_texts({{kBaseHash, std::string(base_sha256_.length(), '-')}});
        for (const GgufTensor& tensor : base_.tensors())
            writer_.declare(tensor.name, type_of(tensor), std::vector<int64_t>(tensor.ne, tensor.ne + 4));
    }

    void write_tensor(const GgufTensor& tensor) {
        std::vector<ScaledPair> pairs;
        for (size_t i = 0; i < adapters_.size(); ++i) {
            const AdapterFile& adapter = *adapters_[i];
            if (adapter.pairs().count(tensor.name) == 0) continue;
            AdapterPair pair = adapter.read(tensor.name);
            const float scale = options_.scale * options_.adapters[i].weight * lora_scale(adapter.alpha(), pair.rank);
            pairs.push_back({std::move(pair), scale});
        }
        result_.merged_tensors += !pairs.empty();
        const RowFailure failure = rows_.write({tensor, type_of(tensor), pairs}, writer_);
        if (failure == RowFailure::kBase) base_.invalid(tensor.name + " holds NaN or infinity");
        if (failure == RowFailure::kResult) refuse_result(tensor);
    }

    void complete_header() {
        writer_.set_texts({{kBaseHash, base_sha256_.wait(cancel_)}});
        writer_.rewrite_header();
    }

    size_t quantize_merged(int64_t done, const std::function<void(int64_t, int64_t)>& progress) {
        const std::string& merged = writer_.temporary_path();
        const QuantizeOptions options = [&] {
            QuantizeOptions out;
            out.input = merged;
            out.output = options_.output;
            out.type = options_.quantize;
            out.threads = options_.threads;
            return out;
        }();
        try {
            return quantize(options, cancel_, [&](int64_t step, int64_t) { progress(done + step, steps_); }).bytes;
        } catch (const Error& error) {
            throw Error(error.code(), replaced(error.what(), merged, "the merged model"));
        }
    }

    [[noreturn]] void refuse_result(const GgufTensor& tensor) const {
        throw Error("MODEL_INVALID", "The merged model is not usable: values of " + tensor.name +
                                         " are too large for " + ggml_type_name(type_of(tensor)) +
                                         ". Write another type (BF16 or F32), or use a smaller scale.");
    }

    const MergeOptions& options_;
    const LateText& base_sha256_;
    const Cancel& cancel_;
    GgufModel base_;
    std::vector<std::unique_ptr<AdapterFile>> adapters_;
    RowMerger rows_;
    GgufWriter writer_;
    MergeResult result_;
    int64_t steps_ = 0;
};

} // namespace

MergeResult merge_adapters(const MergeOptions& options, const LateText& base_sha256, const Cancel& cancel,
                           const std::function<void(int64_t, int64_t)>& progress) {
    if (options.type != GGML_TYPE_COUNT) file_type_of(options.type);
    check_quantization(options.quantize);
    return Merger(options, base_sha256, cancel).run(progress);
}

} // namespace medilora
