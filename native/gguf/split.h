#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gguf/gguf_file.h"

namespace medilora {

/// The paths of all parts of a split model, its first part at the front; that alone for a model in one file.
/// Throws the file's code when it is another part than the first.
std::vector<std::string> model_parts(const GgufFile& first);

/// Throws the file's code unless its split.no has the type that llama.cpp asserts it to have.
void check_later_part(const GgufFile& part);

/// A model with the tensors of all its parts: of one file, or of a split model by its first part. The metadata is the
/// first part's.
class GgufModel : public GgufFile {
  public:
    /// Throws as GgufFile does; MODEL_INVALID for parts that do not belong together.
    explicit GgufModel(const std::string& path);

    /// The paths of all parts, the first one at the front.
    const std::vector<std::string>& paths() const { return paths_; }

  private:
    std::vector<std::string> paths_;
    std::vector<std::unique_ptr<GgufFile>> later_parts_;
};

/// Removes what says that a model is split; for one that is written as one file.
void remove_split_metadata(gguf_context* metadata);

} // namespace medilora
