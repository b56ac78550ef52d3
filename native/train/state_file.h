#pragma once

#include <string>

#include "train/optimizer.h"

namespace medilora {

/// What a checkpoint holds beside the tensors.
struct TrainingState {
    int64_t steps = 0;          ///< optimizer updates done
    uint64_t micro_batches = 0; ///< counter of the dropout generator
    std::string note;           ///< the caller's own record (schedule position, data cursor, hashes)
};

/// Writes the parameters and the optimizer's state as a GGUF. Returns its size in bytes.
size_t write_state(const std::string& path, ParameterSet& parameters, Optimizer& optimizer, const TrainingState& state);

/// Restores both. Throws CHECKPOINT_INVALID when the file is of other parameters or of another optimizer, leaving
/// all as it was.
TrainingState read_state(const std::string& path, ParameterSet& parameters, Optimizer& optimizer);

} // namespace medilora
