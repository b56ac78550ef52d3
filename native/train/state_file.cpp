#include "train/state_file.h"

#include <cstring>

#include "gguf/gguf_writer.h"
#include "util/error.h"

namespace medilora {

namespace {

const char* const kKinds[] = {"value", "moment1", "moment2"};

float* array_of(ParameterSet& parameters, int kind) {
    return kind == 0 ? parameters.values() : kind == 1 ? parameters.moment1() : parameters.moment2();
}

/// GGUF names are at most 63 bytes: the parameter's place in the list is its name here.
std::string tensor_name(size_t parameter, int kind) {
    return std::to_string(parameter) + "." + kKinds[kind];
}

std::string names_of(const ParameterSet& parameters) {
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

size_t write_state(const std::string& path, ParameterSet& parameters, const TrainingState& state) {
    GgufWriter writer;
    gguf_set_val_str(writer.metadata(), "general.type", "medilora-checkpoint");
    gguf_set_val_i64(writer.metadata(), "medilora.steps", state.steps);
    gguf_set_val_u64(writer.metadata(), "medilora.micro_batches", state.micro_batches);
    gguf_set_val_str(writer.metadata(), "medilora.note", state.note.c_str());
    gguf_set_val_str(writer.metadata(), "medilora.parameters", names_of(parameters).c_str());
    for (size_t i = 0; i < parameters.list().size(); ++i)
        for (int kind = 0; kind < 3; ++kind)
            writer.declare(tensor_name(i, kind), GGML_TYPE_F32, {parameters.list()[i].cols, parameters.list()[i].rows});
    writer.begin(path);
    for (const Parameter& p : parameters.list())
        for (int kind = 0; kind < 3; ++kind) {
            writer.write(array_of(parameters, kind) + p.offset, p.size() * sizeof(float));
            writer.end_tensor();
        }
    return writer.commit();
}

TrainingState read_state(const std::string& path, ParameterSet& parameters) {
    const GgufFile file(path, "CHECKPOINT_INVALID");
    if (file.string("general.type", "") != "medilora-checkpoint") invalid(path, "it is no checkpoint of medilora");
    if (file.string("medilora.parameters") != names_of(parameters)) invalid(path, "it is of other trainable tensors");
    const TrainingState state{file.integer("medilora.steps"),
                              static_cast<uint64_t>(file.integer("medilora.micro_batches")),
                              file.string("medilora.note")};
    struct Copy {
        float* to;
        const GgufTensor* from;
    };
    std::vector<Copy> copies; // made only when all is known to fit
    for (size_t i = 0; i < parameters.list().size(); ++i)
        for (int kind = 0; kind < 3; ++kind) {
            const GgufTensor* tensor = file.find(tensor_name(i, kind));
            if (tensor == nullptr || tensor->type != GGML_TYPE_F32 || tensor->elements() != parameters.list()[i].size())
                invalid(path, "a tensor is missing");
            copies.push_back({array_of(parameters, kind) + parameters.list()[i].offset, tensor});
        }
    for (const Copy& copy : copies) std::memcpy(copy.to, copy.from->data, copy.from->bytes);
    return state;
}

} // namespace medilora
