#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gguf/gguf_file.h"
#include "util/atomic_file.h"

namespace medilora {

/// Texts of a file's metadata, by key.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// Writes a GGUF: metadata first, then each tensor's bytes in the order in which it was declared.
class GgufWriter {
  public:
    GgufWriter();

    /// For metadata: the gguf_set_* functions apply to it until begin().
    gguf_context* metadata() { return context_.get(); }
    void set_texts(const Metadata& texts);
    void declare(const std::string& name, ggml_type type, const std::vector<int64_t>& ne);

    /// Opens the file and writes the header.
    void begin(const std::string& path);
    /// Writes the header again, after a text in the metadata was replaced by one of its length.
    void rewrite_header();
    /// What begin() writes: the metadata and the list of tensors, padded.
    std::vector<char> header() const;
    /// The bytes of the next declared tensor, in as many pieces as the caller likes.
    void write(const void* data, size_t bytes) { file_->write(data, bytes); }
    /// The same for a piece that lies `offset` bytes into the tensor; on several threads at once. skip() must follow.
    void write_at(size_t offset, const void* data, size_t bytes) {
        file_->write_at(file_->written() + offset, data, bytes);
    }
    /// Goes on behind the `bytes` of a tensor that write_at() wrote.
    void skip(size_t bytes) { file_->skip(bytes); }
    /// Ends the current tensor.
    void end_tensor() {
        file_->align(GGUF_DEFAULT_ALIGNMENT);
        file_->write_behind();
    }
    /// Where the file is, complete behind the last tensor, until it is committed or this object ends.
    const std::string& temporary_path() const { return file_->temporary_path(); }
    size_t written() const { return file_->written(); }
    /// Gives the file its name. Returns its size in bytes.
    size_t commit();

  private:
    GgufContext context_;
    std::unique_ptr<AtomicFile> file_;
};

} // namespace medilora
