#pragma once

#include <string>

#include "train/parameters.h"

namespace medilora {

/// What a checkpoint holds beside the tensors.
struct TrainingState {
    int64_t steps = 0;          ///< optimizer updates done
    uint64_t micro_batches = 0; ///< counter of the dropout generator
    std::string note;           ///< the caller's own record (schedule position, data cursor, hashes)
};

/// Writes weights and both moments of every parameter as a GGUF. Returns its size in bytes.
size_t write_state(const std::string& path, ParameterSet& parameters, const TrainingState& state);

/// Restores into `parameters`. Throws CHECKPOINT_INVALID when the file is of other parameters, leaving them as they
/// were.
TrainingState read_state(const std::string& path, ParameterSet& parameters);

} // namespace medilora
