#include "gguf/split.h"

#include "llama.h"

namespace medilora {

namespace {

const char* const kSplitNo = "split.no";
const char* const kSplitCount = "split.count";
const char* const kSplitTensors = "split.tensors.count";

/// The number at `key`, which llama.cpp asserts to hold 16 bits.
int number(const GgufFile& file, const char* key, int fallback) {
    const int64_t id = gguf_find_key(file.context(), key);
    if (id < 0) return fallback;
    if (gguf_get_kv_type(file.context(), id) != GGUF_TYPE_UINT16)
        file.invalid(std::string(key) + " is no 16-bit number");
    return gguf_get_val_u16(file.context(), id);
}

} // namespace

std::vector<std::string> model_parts(const GgufFile& first) {
    const int count = number(first, kSplitCount, 1);
    std::vector<std::string> paths{first.path()};
    if (count <= 1) return paths;
    char prefix[4096], path[4096];
    if (llama_split_prefix(prefix, sizeof(prefix), first.path().c_str(), 0, count) == 0)
        first.invalid("it is one part of a split model; give the path of the first part (-00001-of-)");
    for (int index = 1; index < count; ++index) {
        llama_split_path(path, sizeof(path), prefix, index, count);
        paths.push_back(path);
    }
    return paths;
}

void check_later_part(const GgufFile& part) {
    if (number(part, kSplitNo, 0) == 0) part.invalid("it is no later part of a split model");
}

GgufModel::GgufModel(const std::string& path) : GgufFile(path), paths_(model_parts(*this)) {
    const int count = static_cast<int>(paths_.size());
    for (int index = 1; index < count; ++index) {
        auto part = std::make_unique<GgufFile>(paths_[index]);
        if (number(*part, kSplitNo, 0) != index || number(*part, kSplitCount, 1) != count)
            part->invalid("it is no part " + std::to_string(index + 1) + " of " + std::to_string(count));
        append(*part);
        later_parts_.push_back(std::move(part));
    }
}

void remove_split_metadata(gguf_context* metadata) {
    for (const char* key : {kSplitNo, kSplitCount, kSplitTensors}) gguf_remove_key(metadata, key);
}

} // namespace medilora
