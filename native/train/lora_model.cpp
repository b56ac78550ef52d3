#include "train/lora_model.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "train/dropout.h"
#include "util/error.h"

namespace medilora {

namespace {

void uniform_init(float* a, int64_t count, int64_t in, uint64_t key) {
    const float bound = 1.0f / std::sqrt(static_cast<float>(in));
    for (int64_t i = 0; i < count; ++i) a[i] = bound * (2.0f * counter_uniform(key, static_cast<uint64_t>(i)) - 1.0f);
}

} // namespace

LoraModel::LoraModel(const std::string& base, const LoraOptions& options, int64_t layers)
    : base_(base), hparams_(read_hparams(base_, layers)), weights_(base_, hparams_), alpha_(options.alpha) {
    network_ = std::make_unique<Network>(hparams_, weights_.table());
    for (int64_t layer = 0; layer < network_->hparams.n_layer; ++layer)
        for (const Module module : options.modules) add_branch(layer, module, options.rank);
    connect();
    for (const Branch& branch : branches_) {
        const Parameter& a = parameters_.list()[branch.a];
        const uint64_t key = mix64(options.seed ^ mix64(static_cast<uint64_t>(a.offset) + 1));
        uniform_init(parameters_.value(a), a.size(), a.cols, key);
    }
}

LoraModel::LoraModel(const std::string& base, const std::string& adapter_path)
    : base_(base), hparams_(read_hparams(base_)), weights_(base_, hparams_) {
    network_ = std::make_unique<Network>(hparams_, weights_.table());
    const AdapterFile file(adapter_path);
    check_adapter_fits(file, base_);
    const Adapter adapter = file.read_all();
    alpha_ = adapter.alpha;
    std::set<std::string> left;
    for (const auto& [name, pair] : adapter.pairs) left.insert(name);
    for (int64_t layer = 0; layer < network_->hparams.n_layer; ++layer)
        for (int m = 0; m < kModules; ++m) {
            const auto found = adapter.pairs.find(module_tensor(layer, static_cast<Module>(m)));
            if (found == adapter.pairs.end()) continue;
            add_branch(layer, static_cast<Module>(m), found->second.rank);
            left.erase(found->first);
        }
    if (!left.empty())
        throw Error("ADAPTER_MISMATCH",
                    adapter_path + " adapts " + *left.begin() +
                        ", which medilora does not train. Trainable are the linear layers of the blocks.");
    connect();
    for (const auto& [name, pair] : adapter.pairs) {
        std::copy(pair.a.begin(), pair.a.end(), parameters_.value(*parameters_.find(name + ".lora_a")));
        std::copy(pair.b.begin(), pair.b.end(), parameters_.value(*parameters_.find(name + ".lora_b")));
    }
}

void LoraModel::add_branch(int64_t layer, Module module, int64_t rank) {
    const Hparams& h = network_->hparams;
    const std::string name = module_tensor(layer, module);
    const size_t a = parameters_.add(name + ".lora_a", rank, module_in(h, module), true);
    const size_t b = parameters_.add(name + ".lora_b", module_out(h, module), rank, true);
    branches_.push_back({layer, module, rank, a, b});
}

void LoraModel::connect() {
    parameters_.allocate();
    for (const Branch& branch : branches_) {
        const Parameter &a = parameters_.list()[branch.a], &b = parameters_.list()[branch.b];
        LoraBranch& lora = network_->blocks[branch.layer].linear[static_cast<int>(branch.module)].lora;
        lora.rank = branch.rank;
        lora.scale = lora_scale(alpha_, branch.rank);
        lora.a = parameters_.value(a);
        lora.b = parameters_.value(b);
        lora.da = parameters_.gradient(a);
        lora.db = parameters_.gradient(b);
        network_->lowest = std::min(network_->lowest, branch.layer);
    }
}

Adapter LoraModel::adapter() {
    Adapter out;
    out.architecture = network_->hparams.architecture;
    out.alpha = alpha_;
    for (const Branch& branch : branches_) {
        const Parameter &a = parameters_.list()[branch.a], &b = parameters_.list()[branch.b];
        AdapterPair& pair = out.pairs[module_tensor(branch.layer, branch.module)];
        pair = {{branch.rank, a.cols, b.rows}, {}, {}};
        pair.a.assign(parameters_.value(a), parameters_.value(a) + a.size());
        pair.b.assign(parameters_.value(b), parameters_.value(b) + b.size());
    }
    return out;
}

} // namespace medilora
