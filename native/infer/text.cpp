#include "infer/text.h"

#include <algorithm>
#include <cstdint>

namespace medilora {

namespace {

constexpr const char* replacement = "\xEF\xBF\xBD";

struct Character {
    size_t size; ///< bytes; of a wrong one, the part that could have begun a right one
    bool valid;
    bool complete; ///< false when the text ends inside it
};

Character character(const std::string& text, size_t at) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
    const uint8_t lead = byte(0);
    if (lead < 0x80) return {1, true, true};
    if (lead < 0xC2 || lead > 0xF4) return {1, false, true};
    const size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
    const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (size_t i = 1; i < size; ++i) {
        if (at + i >= text.size()) return {i, false, false};
        if (byte(i) < (i == 1 ? low : 0x80) || byte(i) > (i == 1 ? high : 0xBF)) return {i, false, true};
    }
    return {size, true, true};
}

} // namespace

size_t find_stop(const std::string& text, size_t checked, const std::vector<std::string>& stops) {
    size_t earliest = std::string::npos;
    for (const std::string& stop : stops) {
        const size_t from = checked >= stop.size() ? checked - stop.size() + 1 : 0;
        earliest = std::min(earliest, text.find(stop, from));
    }
    return earliest;
}

std::string valid_utf8(const std::string& bytes) {
    std::string text;
    for (size_t at = 0; at < bytes.size();) {
        const Character next = character(bytes, at);
        if (!next.complete) break;
        if (next.valid)
            text.append(bytes, at, next.size);
        else
            text += replacement;
        at += next.size;
    }
    return text;
}

} // namespace medilora
