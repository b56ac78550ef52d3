#pragma once

#include <string>
#include <vector>

#include "gguf/gguf_file.h"

namespace medilora {

/// The paths of all parts of a split model, its first part at the front; that alone for a model in one file.
/// Throws the file's code when it is another part than the first.
std::vector<std::string> model_parts(const GgufFile& first);

/// Throws the file's code unless its split.no has the type that llama.cpp asserts it to have.
void check_later_part(const GgufFile& part);

} // namespace medilora
