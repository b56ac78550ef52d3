#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gguf/gguf_file.h"

namespace medilora {

/// One adapted tensor: W' = W + scale * B A; a [rank, in], b [out, rank], row-major float32.
struct AdapterPair {
    int64_t rank, in, out;
    std::vector<float> a, b;
};

/// A LoRA adapter in memory.
struct Adapter {
    std::string architecture;
    float alpha = 0;
    std::map<std::string, AdapterPair> pairs; ///< by the base tensor's name

    /// alpha / rank, or 1 when alpha is 0, as llama.cpp reads it.
    float scale(const AdapterPair& pair) const { return alpha != 0 ? alpha / static_cast<float>(pair.rank) : 1.0f; }
};

/// Reads a GGUF adapter. Throws ADAPTER_INVALID when it is none, malformed, or holds NaN or infinity.
Adapter read_adapter(const std::string& path);

/// Throws ADAPTER_MISMATCH naming the tensor when one has no counterpart in the base, or another shape.
void check_adapter_fits(const Adapter& adapter, const std::string& adapter_path, const GgufFile& base);

/// Metadata as key and value, written beside the adapter's own keys.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// Writes it as llama.cpp reads it (float32 tensors). Returns the file's size in bytes.
size_t write_adapter(const std::string& path, const Adapter& adapter, const Metadata& metadata);

} // namespace medilora
