#include "gguf/gguf_writer.h"

#include <cstring>

namespace medilora {

GgufWriter::GgufWriter() : context_(gguf_init_empty()) {}

void GgufWriter::set_texts(const Metadata& texts) {
    for (const auto& [key, text] : texts) gguf_set_val_str(context_.get(), key.c_str(), text.c_str());
}

void GgufWriter::declare(const std::string& name, ggml_type type, const std::vector<int64_t>& ne) {
    ggml_tensor tensor;
    std::memset(&tensor, 0, sizeof(tensor));
    tensor.type = type;
    for (size_t d = 0; d < GGML_MAX_DIMS; ++d) tensor.ne[d] = d < ne.size() ? ne[d] : 1;
    tensor.nb[0] = ggml_type_size(type);
    tensor.nb[1] = ggml_row_size(type, tensor.ne[0]);
    for (size_t d = 2; d < GGML_MAX_DIMS; ++d) tensor.nb[d] = tensor.nb[d - 1] * tensor.ne[d - 1];
    ggml_set_name(&tensor, name.c_str());
    gguf_add_tensor(context_.get(), &tensor);
}

void GgufWriter::begin(const std::string& path) {
    file_ = std::make_unique<AtomicFile>(path);
    // Tensors are padded to the default, whatever the file did from which the metadata came.
    gguf_remove_key(context_.get(), GGUF_KEY_GENERAL_ALIGNMENT);
    const std::vector<char> bytes = header();
    file_->write(bytes.data(), bytes.size());
}

void GgufWriter::rewrite_header() {
    const std::vector<char> bytes = header();
    file_->write_at(0, bytes.data(), bytes.size());
}

std::vector<char> GgufWriter::header() const {
    std::vector<char> bytes(gguf_get_meta_size(context_.get()));
    gguf_get_meta_data(context_.get(), bytes.data());
    return bytes;
}

size_t GgufWriter::commit() {
    file_->commit();
    return file_->written();
}

} // namespace medilora
