#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gguf/gguf_writer.h"

namespace medilora {

struct AdapterShape {
    int64_t rank, in, out;
};

/// One adapted tensor: W' = W + scale * B A; a [rank, in], b [out, rank], row-major float32.
struct AdapterPair : AdapterShape {
    std::vector<float> a, b;
};

/// alpha / rank, or 1 when alpha is 0, as llama.cpp reads it.
inline float lora_scale(float alpha, int64_t rank) {
    return alpha != 0 ? alpha / static_cast<float>(rank) : 1.0f;
}

/// A LoRA adapter in memory.
struct Adapter {
    std::string architecture;
    float alpha = 0;
    std::map<std::string, AdapterPair> pairs; ///< by the base tensor's name
};

/// A GGUF adapter whose pairs are read one by one.
class AdapterFile {
  public:
    /// Throws ADAPTER_INVALID when the file is no adapter or malformed.
    explicit AdapterFile(const std::string& path);

    const std::string& path() const { return file_.path(); }
    const std::string& architecture() const { return architecture_; }
    float alpha() const { return alpha_; }
    /// By the base tensor's name.
    const std::map<std::string, AdapterShape>& pairs() const { return pairs_; }

    /// Throws ADAPTER_INVALID when it holds NaN or infinity.
    AdapterPair read(const std::string& name) const;
    Adapter read_all() const;

  private:
    void index_pairs();
    std::vector<float> read_matrix(const std::string& name) const;

    GgufFile file_;
    std::string architecture_;
    float alpha_;
    std::map<std::string, AdapterShape> pairs_;
};

/// Throws ADAPTER_MISMATCH naming the tensor when one has no counterpart in the base, or another shape.
void check_adapter_fits(const AdapterFile& adapter, const GgufFile& base);

/// Writes it as llama.cpp reads it (float32 tensors), `metadata` beside the adapter's own keys. Returns the file's size
/// in bytes.
size_t write_adapter(const std::string& path, const Adapter& adapter, const Metadata& metadata);

} // namespace medilora
