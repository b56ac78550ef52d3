#pragma once

#include <string>
#include <vector>

#include "gemm/kernels.h"

namespace medilora {

/// The set of that name. Throws ARGUMENT_INVALID where it is unknown or does not run here.
const Kernels& kernels_named(const std::string& name);

/// Every set that runs here, fastest first.
std::vector<const Kernels*> usable_kernels();

/// False when MEDILORA_GEMM=off, or when only the generic set runs here and nothing asked for it:
/// then ggml's own matrix products serve libllama.
bool gemm_backend_wanted();

/// True when MEDILORA_GEMM=off.
bool gemm_is_off();

} // namespace medilora
