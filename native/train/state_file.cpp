#include "train/state_file.h"

#include <cstring>

#include "gguf/gguf_writer.h"
#include "util/error.h"

namespace medilora {

namespace {

/// The arrays of a checkpoint: all parameters in one, and the optimizer's.
std::vector<StateArray> all_arrays(ParameterSet& parameters, Optimizer& optimizer) {
    std::vector<StateArray> arrays{{"values", GGML_TYPE_F32, parameters.values(), parameters.size()}};
    for (const StateArray& array : optimizer.state())
        if (array.count > 0) arrays.push_back(array);
    return arrays;
}

/// Says which parameters lie where in the arrays.
std::string layout_of(const ParameterSet& parameters) {
    std::string out;
    for (const Parameter& p : parameters.list())
        out += p.name + "[" + std::to_string(p.rows) + "," + std::to_string(p.cols) + "]\n";
    return out;
}

[[noreturn]] void invalid(const std::string& path, const std::string& what) {
    throw Error("CHECKPOINT_INVALID", path + " cannot be resumed from: " + what +
                                          ". Resume with the configuration that wrote it, or start anew.");
}

} // namespace

size_t write_state(const std::string& path, ParameterSet& parameters, Optimizer& optimizer,
                   const TrainingState& state) {
    GgufWriter writer;
    gguf_set_val_str(writer.metadata(), "general.type", "medilora-checkpoint");
    gguf_set_val_i64(writer.metadata(), "medilora.steps", state.steps);
    gguf_set_val_u64(writer.metadata(), "medilora.micro_batches", state.micro_batches);
    gguf_set_val_str(writer.metadata(), "medilora.note", state.note.c_str());
    gguf_set_val_str(writer.metadata(), "medilora.parameters", layout_of(parameters).c_str());
    const std::vector<StateArray> arrays = all_arrays(parameters, optimizer);
    for (const StateArray& array : arrays) writer.declare(array.name, array.type, {array.count});
    writer.begin(path);
    for (const StateArray& array : arrays) {
        writer.write(array.data, array.count * ggml_type_size(array.type));
        writer.end_tensor();
    }
    return writer.commit();
}

TrainingState read_state(const std::string& path, ParameterSet& parameters, Optimizer& optimizer) {
    const GgufFile file(path, "CHECKPOINT_INVALID");
    if (file.string("general.type", "") != "medilora-checkpoint") invalid(path, "it is no checkpoint of medilora");
    if (file.string("medilora.parameters") != layout_of(parameters)) invalid(path, "it is of other trainable tensors");
    const TrainingState state{file.integer("medilora.steps"),
                              static_cast<uint64_t>(file.integer("medilora.micro_batches")),
                              file.string("medilora.note")};
    const std::vector<StateArray> arrays = all_arrays(parameters, optimizer);
    for (const StateArray& array : arrays) { // nothing is copied before all is known to fit
        const GgufTensor* tensor = file.find(array.name);
        if (tensor == nullptr || tensor->type != array.type || tensor->elements() != array.count)
            invalid(path, "it is of another optimizer");
    }
    for (const StateArray& array : arrays) {
        const GgufTensor* tensor = file.find(array.name);
        std::memcpy(array.data, tensor->data, tensor->bytes);
    }
    return state;
}

} // namespace medilora
