#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gguf/gguf_writer.h"

namespace medilora {

/// What a tensor's inputs were over the calibration text. A stack of experts has a count for each of them; every other
/// tensor has one.
struct ImatrixEntry {
    std::vector<float> sums;     ///< of squares, by column: [matrices * columns]
    std::vector<int64_t> counts; ///< rows (tokens) behind the sums: [experts] or [1]
};

/// An importance matrix, in llama.cpp's GGUF format: tensors `<name>.in_sum2` and `<name>.counts`.
struct Imatrix {
    std::map<std::string, ImatrixEntry> entries; ///< by tensor name
    std::vector<std::string> datasets;
    uint32_t chunk_count = 0;
    uint32_t chunk_size = 0; ///< tokens
};

/// Throws FILE_NOT_FOUND, FILE_READ, or DATA_INVALID for anything but a whole importance matrix in GGUF of numbers that
/// the quantisers can work with.
Imatrix read_imatrix(const std::string& path);

/// Writes the file atomically, mode 0600, with further string `metadata`. Returns its size in bytes.
/// Throws FILE_WRITE or DISK_FULL.
size_t write_imatrix(const Imatrix& imatrix, const std::string& path, const Metadata& metadata);

} // namespace medilora
