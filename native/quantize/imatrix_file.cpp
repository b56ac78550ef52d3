#include "quantize/imatrix_file.h"

#include <cmath>

#include "gguf/gguf_file.h"

namespace medilora {

namespace {

const char* const kDatasets = "imatrix.datasets";
const char* const kChunkCount = "imatrix.chunk_count";
const char* const kChunkSize = "imatrix.chunk_size";
const std::string kSums = ".in_sum2";
const std::string kCounts = ".counts";

/// Products of larger ones with weights overflow inside the quantisers, which then end the process.
constexpr float kMostImportance = 1e20f;

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::vector<std::string> strings(const GgufFile& file, const char* key) {
    const gguf_context* context = file.context();
    const int64_t id = gguf_find_key(context, key);
    if (id < 0 || gguf_get_kv_type(context, id) != GGUF_TYPE_ARRAY ||
        gguf_get_arr_type(context, id) != GGUF_TYPE_STRING)
        file.invalid(std::string("it is no importance matrix, for ") + key + " is missing");
    std::vector<std::string> out;
    for (size_t i = 0; i < gguf_get_arr_n(context, id); ++i) out.push_back(gguf_get_arr_str(context, id, i));
    return out;
}

uint32_t number(const GgufFile& file, const char* key) {
    const int64_t value = file.integer(key);
    if (value < 0 || value > UINT32_MAX) file.invalid(std::string(key) + " is out of range");
    return static_cast<uint32_t>(value);
}

const float* floats(const GgufFile& file, const GgufTensor& tensor) {
    if (tensor.type != GGML_TYPE_F32) file.invalid(tensor.name + " is not of type F32");
    return static_cast<const float*>(tensor.data);
}

ImatrixEntry read_entry(const GgufFile& file, const GgufTensor& sums, const GgufTensor& counts) {
    const float* sum = floats(file, sums);
    const float* count = floats(file, counts);
    if (counts.elements() == 0 || sums.elements() == 0 || sums.elements() % counts.elements() != 0)
        file.invalid(sums.name + " does not have as many columns for each of its counts");
    ImatrixEntry entry{{sum, sum + sums.elements()}, {}};
    for (int64_t i = 0; i < counts.elements(); ++i) {
        if (!(count[i] >= 0 && count[i] < 1e15f)) file.invalid(counts.name + " holds what is no count");
        entry.counts.push_back(std::llround(count[i]));
    }
    const size_t columns = entry.sums.size() / entry.counts.size();
    for (size_t i = 0; i < entry.sums.size(); ++i) {
        const float rows = static_cast<float>(std::max<int64_t>(1, entry.counts[i / columns]));
        if (!(entry.sums[i] >= 0 && entry.sums[i] / rows <= kMostImportance))
            file.invalid(sums.name + " holds a value that is negative, not finite or too large");
    }
    return entry;
}

} // namespace

Imatrix read_imatrix(const std::string& path) {
    const GgufFile file(path, "DATA_INVALID");
    Imatrix imatrix;
    imatrix.datasets = strings(file, kDatasets);
    imatrix.chunk_count = number(file, kChunkCount);
    imatrix.chunk_size = number(file, kChunkSize);
    for (const GgufTensor& tensor : file.tensors()) {
        if (!ends_with(tensor.name, kSums)) continue;
        const std::string name = tensor.name.substr(0, tensor.name.size() - kSums.size());
        const GgufTensor* counts = file.find(name + kCounts);
        if (counts == nullptr) file.invalid(name + kCounts + " is missing");
        imatrix.entries[name] = read_entry(file, tensor, *counts);
    }
    if (imatrix.entries.empty()) file.invalid("it holds no importance of any tensor");
    return imatrix;
}

size_t write_imatrix(const Imatrix& imatrix, const std::string& path, const Metadata& metadata) {
    GgufWriter writer;
    std::vector<const char*> datasets;
    for (const std::string& dataset : imatrix.datasets) datasets.push_back(dataset.c_str());
    gguf_set_val_str(writer.metadata(), "general.type", "imatrix");
    gguf_set_arr_str(writer.metadata(), kDatasets, datasets.data(), datasets.size());
    gguf_set_val_u32(writer.metadata(), kChunkCount, imatrix.chunk_count);
    gguf_set_val_u32(writer.metadata(), kChunkSize, imatrix.chunk_size);
    writer.set_texts(metadata);
    for (const auto& [name, entry] : imatrix.entries) {
        const auto matrices = static_cast<int64_t>(entry.counts.size());
        writer.declare(name + kSums, GGML_TYPE_F32, {static_cast<int64_t>(entry.sums.size()) / matrices, matrices});
        writer.declare(name + kCounts, GGML_TYPE_F32, {1, matrices});
    }
    writer.begin(path);
    for (const auto& [name, entry] : imatrix.entries) {
        writer.write(entry.sums.data(), entry.sums.size() * sizeof(float));
        writer.end_tensor();
        const std::vector<float> counts(entry.counts.begin(), entry.counts.end());
        writer.write(counts.data(), counts.size() * sizeof(float));
        writer.end_tensor();
    }
    return writer.commit();
}

} // namespace medilora
