#pragma once

#include <string>
#include <vector>

namespace medilora {

/// Where the earliest of `stops` begins in `text`, looking only at matches that end after `checked` bytes;
/// std::string::npos when there is none.
size_t find_stop(const std::string& text, size_t checked, const std::vector<std::string>& stops);

/// Valid UTF-8: an incomplete character at the end is dropped; other wrong bytes become U+FFFD, as in the Encoding
/// Standard's decoder.
std::string valid_utf8(const std::string& bytes);

} // namespace medilora
