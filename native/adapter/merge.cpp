#include "adapter/merge.h"

#include <algorithm>

#include "gemm/gemm.h"
#include "gguf/finite.h"
#include "gguf/gguf_writer.h"
#include "util/error.h"

namespace medilora {

namespace {

/// Floats that are in memory at once as rows of one tensor (16 MB).
constexpr int64_t kChunkFloats = int64_t{1} << 22;

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

class Merger {
  public:
    Merger(const MergeOptions& options, const Cancel& cancel)
        : options_(options), cancel_(cancel), base_(options.base), adapter_(read_adapter(options.adapter)),
          pool_(options.threads), gemm_(pool_) {
        refuse_same_file(options.base, options.output);
        refuse_same_file(options.adapter, options.output);
        check_adapter_fits(adapter_, options.adapter, base_);
        const ggml_type own = main_type(base_);
        result_.base_quantized = ggml_is_quantized(own);
        result_.type = options.type != GGML_TYPE_COUNT ? options.type : result_.base_quantized ? GGML_TYPE_F16 : own;
        result_.merged_tensors = static_cast<int64_t>(adapter_.pairs.size());
    }

    MergeResult run(const std::function<void(int64_t, int64_t)>& progress) {
        declare();
        writer_.begin(options_.output);
        const int64_t total = static_cast<int64_t>(base_.tensors().size());
        for (int64_t i = 0; i < total; ++i) {
            write_tensor(base_.tensors()[i]);
            progress(i + 1, total);
        }
        result_.bytes = writer_.commit();
        return result_;
    }

  private:
    /// Vectors (norms, biases) keep their type; matrices get the output's.
    ggml_type type_of(const GgufTensor& tensor) const { return is_matrix(tensor) ? result_.type : tensor.type; }

    void declare() {
        gguf_context* metadata = writer_.metadata();
        gguf_set_kv(metadata, base_.context());
        gguf_set_val_u32(metadata, "general.file_type", file_type_of(result_.type));
        for (const auto& [key, value] : options_.metadata) gguf_set_val_str(metadata, key.c_str(), value.c_str());
        for (const GgufTensor& tensor : base_.tensors())
            writer_.declare(tensor.name, type_of(tensor), std::vector<int64_t>(tensor.ne, tensor.ne + 4));
    }

    void write_tensor(const GgufTensor& tensor) {
        const auto pair = adapter_.pairs.find(tensor.name);
        if (pair == adapter_.pairs.end() && type_of(tensor) == tensor.type) {
            if (!tensor_is_finite(tensor)) refuse_base(tensor);
            writer_.write(tensor.data, tensor.bytes);
        } else
            convert(tensor, pair == adapter_.pairs.end() ? nullptr : &pair->second);
        writer_.end_tensor();
    }

    void convert(const GgufTensor& tensor, const AdapterPair* pair) {
        const int64_t in = tensor.ne[0], rows = tensor.rows(), most = std::max<int64_t>(1, kChunkFloats / in);
        for (int64_t begin = 0; begin < rows; begin += most) {
            cancel_.check();
            const int64_t count = std::min(most, rows - begin);
            float* chunk = chunk_.resize(std::min(most, rows) * in);
            pool_.run(count, [&](int64_t i, int) {
                dequantize_row(tensor.type, static_cast<const char*>(tensor.data) + (begin + i) * tensor.row_bytes(),
                               chunk + i * in, in);
            });
            if (!all_finite(GGML_TYPE_F32, chunk, count * in)) refuse_base(tensor);
            if (pair != nullptr) // W' = W + s B A
                gemm_.multiply(count, in, pair->rank, {pair->b.data() + begin * pair->rank, pair->rank, 1},
                               {pair->a.data(), in, 1}, chunk, in, options_.scale * adapter_.scale(*pair), true);
            write_as(tensor, chunk, count * in);
        }
    }

    void write_as(const GgufTensor& tensor, const float* values, int64_t count) {
        const ggml_type type = type_of(tensor);
        if (!all_finite(GGML_TYPE_F32, values, count)) refuse_result(tensor);
        if (type == GGML_TYPE_F32) return writer_.write(values, count * sizeof(float));
        half_.resize(count);
        if (type == GGML_TYPE_F16)
            ggml_fp32_to_fp16_row(values, half_.data(), count);
        else
            ggml_fp32_to_bf16_row(values, reinterpret_cast<ggml_bf16_t*>(half_.data()), count);
        if (!all_finite(type, half_.data(), count)) refuse_result(tensor);
        writer_.write(half_.data(), count * sizeof(ggml_fp16_t));
    }

    [[noreturn]] void refuse_base(const GgufTensor& tensor) const {
        throw Error("MODEL_INVALID", options_.base + " is not a usable model: " + tensor.name +
                                         " holds NaN or infinity. Download or convert it again.");
    }

    [[noreturn]] void refuse_result(const GgufTensor& tensor) const {
        throw Error("MODEL_INVALID", "The merged model is not usable: values of " + tensor.name +
                                         " are too large for " + ggml_type_name(type_of(tensor)) +
                                         ". Write another type (BF16 or F32), or use a smaller scale.");
    }

    const MergeOptions& options_;
    const Cancel& cancel_;
    GgufFile base_;
    Adapter adapter_;
    ThreadPool pool_;
    Gemm gemm_;
    GgufWriter writer_;
    MergeResult result_;
    Buffer chunk_;
    std::vector<ggml_fp16_t> half_;
};

} // namespace

MergeResult merge_adapter(const MergeOptions& options, const Cancel& cancel,
                          const std::function<void(int64_t, int64_t)>& progress) {
    if (options.type != GGML_TYPE_COUNT) file_type_of(options.type);
    return Merger(options, cancel).run(progress);
}

} // namespace medilora
