#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ggml.h"
#include "gguf.h"
#include "util/mapped_file.h"

namespace medilora {

struct GgufFree {
    void operator()(gguf_context* context) const { gguf_free(context); }
};
using GgufContext = std::unique_ptr<gguf_context, GgufFree>;

/// A tensor inside a memory-mapped GGUF. ne[0] is the row length (a linear layer's inputs), ne[1] its rows.
struct GgufTensor {
    std::string name;
    ggml_type type;
    int64_t ne[4];
    const void* data;
    size_t bytes;
    size_t offset; ///< of `data`, from the start of its file

    int64_t elements() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
    int64_t rows() const { return ne[1] * ne[2] * ne[3]; }
    size_t row_bytes() const { return ggml_row_size(type, ne[0]); }
};

/// A memory-mapped GGUF whose every tensor is known to lie inside the file.
class GgufFile {
  public:
    /// Throws FILE_NOT_FOUND, FILE_READ, or `invalid_code` (not a GGUF, malformed, truncated).
    explicit GgufFile(const std::string& path, const char* invalid_code = "MODEL_INVALID");

    const std::string& path() const { return path_; }
    /// Bytes of the file; of all parts of a split model.
    size_t size() const { return size_; }
    const gguf_context* context() const { return context_.get(); }
    const std::vector<GgufTensor>& tensors() const { return tensors_; }
    /// Null when there is none of that name.
    const GgufTensor* find(const std::string& name) const;

    bool has(const std::string& key) const { return gguf_find_key(context_.get(), key.c_str()) >= 0; }
    /// Typed metadata; throws `invalid_code` naming the key when it is missing or of another type.
    std::string string(const std::string& key) const;
    std::string string(const std::string& key, const std::string& fallback) const;
    int64_t integer(const std::string& key) const;
    int64_t integer(const std::string& key, int64_t fallback) const;
    double real(const std::string& key) const;
    double real(const std::string& key, double fallback) const;

    /// Throws `invalid_code`; `what` goes on from "... is not a usable GGUF: ".
    [[noreturn]] void invalid(const std::string& what) const;

  protected:
    /// Takes in the tensors of another part of the same model, which must live as long as this.
    void append(const GgufFile& part);

  private:
    void index_tensors();
    void add(const GgufTensor& tensor);
    int64_t key_id(const std::string& key) const;

    std::string path_;
    const char* invalid_code_;
    MappedFile file_;
    size_t size_;
    GgufContext context_;
    std::vector<GgufTensor> tensors_;
    std::unordered_map<std::string, size_t> by_name_;
};

/// Dequantises one row of `n` elements to float32. Throws TYPE_UNSUPPORTED where ggml cannot.
void dequantize_row(ggml_type type, const void* row, float* out, int64_t n);

/// True when ggml can turn this type into float32.
bool can_dequantize(ggml_type type);

} // namespace medilora
