#include "infer/activation_sums.h"

#include <cmath>
#include <cstring>

#include "util/error.h"

namespace medilora {

namespace {

/// The scheduler names its copies of a weight on another device `DEVICE#name#number`.
std::string weight_name(const char* name) {
    const char* begin = std::strchr(name, '#');
    if (begin == nullptr) return name;
    const char* end = std::strchr(++begin, '#');
    return end == nullptr ? std::string(begin) : std::string(begin, end);
}

/// Products of a layer's weights with activations. Products of activations with each other have no such name; embedding
/// and output are left out, as llama-imatrix leaves them.
bool is_collected(const ggml_tensor& node) {
    if (node.op != GGML_OP_MUL_MAT && node.op != GGML_OP_MUL_MAT_ID) return false;
    const ggml_tensor& input = *node.src[1];
    return input.type == GGML_TYPE_F32 && input.nb[0] == sizeof(float) &&
           weight_name(node.src[0]->name).compare(0, 4, "blk.") == 0;
}

void add_squares(double* squares, const char* data, int64_t columns) {
    const auto* row = reinterpret_cast<const float*>(data);
    for (int64_t i = 0; i < columns; ++i) squares[i] += static_cast<double>(row[i]) * row[i];
}

void check_finite(const std::string& weight, const std::vector<double>& squares) {
    for (const double square : squares)
        if (!std::isfinite(square))
            throw Error("MODEL_INVALID", "What the model feeds into " + weight +
                                             " is not finite. The model is damaged: download or convert it again.");
}

} // namespace

bool ActivationSums::on_node(ggml_tensor* node, bool ask, void* sums) {
    if (ask) return is_collected(*node);
    auto& self = *static_cast<ActivationSums*>(sums);
    try {
        self.collect(*node);
    } catch (const std::exception& error) {
        // It must not pass through llama.cpp's frames.
        self.failure_ = error.what();
    }
    return true;
}

void ActivationSums::clear() {
    sums_.clear();
    failure_.clear();
}

void ActivationSums::add_to(Imatrix& matrix) const {
    if (!failure_.empty())
        throw Error("INTERNAL", "The activations could not be summed (" + failure_ + "). Report this.");
    for (const auto& [weight, sums] : sums_) check_finite(weight, sums.squares);
    for (const auto& [weight, sums] : sums_) {
        ImatrixEntry& entry = matrix.entries[weight];
        entry.sums.resize(sums.squares.size());
        entry.counts.resize(sums.rows.size());
        // Added up in float32, as files keep them, so that a run resumed from a file ends with the same numbers.
        for (size_t i = 0; i < entry.sums.size(); ++i)
            entry.sums[i] = static_cast<float>(entry.sums[i] + sums.squares[i]);
        for (size_t i = 0; i < entry.counts.size(); ++i) entry.counts[i] += sums.rows[i];
    }
}

void ActivationSums::collect(const ggml_tensor& node) {
    const ggml_tensor& input = *node.src[1];
    const char* data = static_cast<const char*>(input.data);
    if (!ggml_backend_buffer_is_host(input.buffer)) {
        input_.resize(ggml_nbytes(&input));
        ggml_backend_tensor_get(&input, input_.data(), 0, input_.size());
        data = input_.data();
    }
    if (node.op == GGML_OP_MUL_MAT_ID)
        collect_experts(node, data);
    else
        collect_dense(*node.src[0], input, data);
}

ActivationSums::Sums& ActivationSums::sums_of(const std::string& weight, size_t squares, size_t rows) {
    Sums& sums = sums_[weight];
    if (sums.squares.empty()) sums = {std::vector<double>(squares), std::vector<int64_t>(rows)};
    if (sums.squares.size() != squares || sums.rows.size() != rows)
        throw Error("INTERNAL", weight + " is used in two shapes");
    return sums;
}

/// Weight [columns, outputs, w2, w3], input [columns, tokens, n2, n3]: the input's matrices go to the weight's in turn.
void ActivationSums::collect_dense(const ggml_tensor& weight, const ggml_tensor& input, const char* data) {
    const int64_t columns = input.ne[0], matrices = weight.ne[2] * weight.ne[3];
    Sums& sums = sums_of(weight_name(weight.name), columns * matrices, 1);
    for (int64_t i3 = 0; i3 < input.ne[3]; ++i3)
        for (int64_t i2 = 0; i2 < input.ne[2]; ++i2) {
            const int64_t matrix = (i3 % weight.ne[3]) * weight.ne[2] + i2 % weight.ne[2];
            const char* rows = data + i2 * input.nb[2] + i3 * input.nb[3];
            for (int64_t row = 0; row < input.ne[1]; ++row)
                add_squares(sums.squares.data() + matrix * columns, rows + row * input.nb[1], columns);
        }
    sums.rows[0] += ggml_nrows(&input) / matrices;
}

/// Weight [columns, outputs, experts], input [columns, 1 or slots, tokens], ids [slots, tokens].
void ActivationSums::collect_experts(const ggml_tensor& node, const char* data) {
    const ggml_tensor &weight = *node.src[0], &input = *node.src[1], &ids = *node.src[2];
    const int64_t columns = input.ne[0], experts = weight.ne[2];
    Sums& sums = sums_of(weight_name(weight.name), columns * experts, experts);
    ids_.resize(ggml_nbytes(&ids));
    ggml_backend_tensor_get(&ids, ids_.data(), 0, ids_.size());
    for (int64_t token = 0; token < ids.ne[1]; ++token)
        for (int64_t slot = 0; slot < ids.ne[0]; ++slot) {
            int32_t expert;
            std::memcpy(&expert, ids_.data() + token * ids.nb[1] + slot * ids.nb[0], sizeof(expert));
            if (expert < 0 || expert >= experts) throw Error("INTERNAL", "an expert is out of range");
            add_squares(sums.squares.data() + expert * columns,
                        data + (slot % input.ne[1]) * input.nb[1] + token * input.nb[2], columns);
            ++sums.rows[expert];
        }
}

} // namespace medilora
