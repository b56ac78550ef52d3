#pragma once

#include <string>

#include "infer/gguf_check.h"

namespace medilora {

/// Checks that a LoRA adapter in GGUF is whole and fits its base: same architecture, every pair A [in, r], B [r, out]
/// beside a base tensor [in, out]. llama.cpp would end the process on some of what is refused here.
/// Throws FILE_NOT_FOUND, FILE_READ, ADAPTER_INVALID or ADAPTER_MISMATCH.
void check_adapter(const std::string& path, const GgufSummary& base);

} // namespace medilora
