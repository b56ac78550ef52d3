#include "gguf/gguf_file.h"

#include <cstring>

#include "util/error.h"
#include "util/llama_runtime.h"

namespace medilora {

namespace {

/// Reads any of GGUF's number types.
template <typename T> bool scalar(const gguf_context* context, int64_t id, T& out) {
    switch (gguf_get_kv_type(context, id)) {
    case GGUF_TYPE_UINT8:
        out = static_cast<T>(gguf_get_val_u8(context, id));
        return true;
    case GGUF_TYPE_INT8:
        out = static_cast<T>(gguf_get_val_i8(context, id));
        return true;
    case GGUF_TYPE_UINT16:
        out = static_cast<T>(gguf_get_val_u16(context, id));
        return true;
    case GGUF_TYPE_INT16:
        out = static_cast<T>(gguf_get_val_i16(context, id));
        return true;
    case GGUF_TYPE_UINT32:
        out = static_cast<T>(gguf_get_val_u32(context, id));
        return true;
    case GGUF_TYPE_INT32:
        out = static_cast<T>(gguf_get_val_i32(context, id));
        return true;
    case GGUF_TYPE_UINT64:
        out = static_cast<T>(gguf_get_val_u64(context, id));
        return true;
    case GGUF_TYPE_INT64:
        out = static_cast<T>(gguf_get_val_i64(context, id));
        return true;
    case GGUF_TYPE_FLOAT32:
        out = static_cast<T>(gguf_get_val_f32(context, id));
        return true;
    case GGUF_TYPE_FLOAT64:
        out = static_cast<T>(gguf_get_val_f64(context, id));
        return true;
    default:
        return false;
    }
}

} // namespace

GgufFile::GgufFile(const std::string& path, const char* invalid_code)
    : path_(path), invalid_code_(invalid_code), file_(path), size_(file_.size()) {
    if (file_.size() < 24 || std::memcmp(file_.data(), "GGUF", 4) != 0) invalid("it does not begin as one");
    LogErrors log;
    context_.reset(gguf_init_from_file(path_.c_str(), gguf_init_params{true, nullptr}));
    if (!context_) invalid("its header is malformed (" + log.text() + ")");
    index_tensors();
}

void GgufFile::invalid(const std::string& what) const {
    throw Error(invalid_code_, path_ + " is not a usable GGUF: " + what + ". Download or convert it again.");
}

void GgufFile::index_tensors() {
    const size_t data_offset = gguf_get_data_offset(context_.get());
    const int64_t count = gguf_get_n_tensors(context_.get());
    for (int64_t i = 0; i < count; ++i) {
        GgufTensor tensor{
            gguf_get_tensor_name(context_.get(), i), gguf_get_tensor_type(context_.get(), i), {}, nullptr, 0, 0};
        std::memcpy(tensor.ne, gguf_get_tensor_ne(context_.get(), i), sizeof(tensor.ne));
        tensor.bytes = gguf_get_tensor_size(context_.get(), i);
        const size_t offset = data_offset + gguf_get_tensor_offset(context_.get(), i);
        if (offset > file_.size() || tensor.bytes > file_.size() - offset)
            invalid("it ends inside the tensor " + tensor.name + " (" + std::to_string(file_.size()) +
                    " bytes, at least " + std::to_string(offset + tensor.bytes) + " expected)");
        tensor.data = file_.data() + offset;
        tensor.offset = offset;
        add(tensor);
    }
}

void GgufFile::add(const GgufTensor& tensor) {
    by_name_[tensor.name] = tensors_.size();
    tensors_.push_back(tensor);
}

void GgufFile::append(const GgufFile& part) {
    for (const GgufTensor& tensor : part.tensors()) {
        if (find(tensor.name) != nullptr) part.invalid("its tensor " + tensor.name + " is in another part too");
        add(tensor);
    }
    size_ += part.size();
}

const GgufTensor* GgufFile::find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

int64_t GgufFile::key_id(const std::string& key) const {
    const int64_t id = gguf_find_key(context_.get(), key.c_str());
    if (id < 0) invalid("the metadata key " + key + " is missing");
    return id;
}

std::string GgufFile::string(const std::string& key) const {
    const int64_t id = key_id(key);
    if (gguf_get_kv_type(context_.get(), id) != GGUF_TYPE_STRING) invalid("the metadata key " + key + " is no string");
    return gguf_get_val_str(context_.get(), id);
}

int64_t GgufFile::integer(const std::string& key) const {
    int64_t value;
    if (!scalar(context_.get(), key_id(key), value)) invalid("the metadata key " + key + " is no number");
    return value;
}

double GgufFile::real(const std::string& key) const {
    double value;
    if (!scalar(context_.get(), key_id(key), value)) invalid("the metadata key " + key + " is no number");
    return value;
}

std::string GgufFile::string(const std::string& key, const std::string& fallback) const {
    return has(key) ? string(key) : fallback;
}

int64_t GgufFile::integer(const std::string& key, int64_t fallback) const {
    return has(key) ? integer(key) : fallback;
}

double GgufFile::real(const std::string& key, double fallback) const {
    return has(key) ? real(key) : fallback;
}

bool can_dequantize(ggml_type type) {
    return type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr;
}

void dequantize_row(ggml_type type, const void* row, float* out, int64_t n) {
    if (type == GGML_TYPE_F32) {
        std::memcpy(out, row, static_cast<size_t>(n) * sizeof(float));
        return;
    }
    const auto to_float = ggml_get_type_traits(type)->to_float;
    if (to_float == nullptr)
        throw Error("TYPE_UNSUPPORTED", std::string("Tensors of type ") + ggml_type_name(type) +
                                            " cannot be dequantised. Use a model in another quantisation.");
    to_float(row, out, n);
}

} // namespace medilora
