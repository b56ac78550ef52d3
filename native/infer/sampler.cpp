#include "infer/sampler.h"

#include <algorithm>
#include <string>

#include "util/error.h"

namespace medilora {

namespace {

bool picks(const SamplerStep& step) {
    return step.type == SamplerStep::Type::draw || step.type == SamplerStep::Type::greedy;
}

[[noreturn]] void wrong(const std::string& reason) {
    throw Error("ARGUMENT_INVALID", "Sampler: " + reason);
}

void check_step(const SamplerStep& step) {
    switch (step.type) {
    case SamplerStep::Type::penalties:
        if (step.count < 0) wrong("penalties.lastN must be 0 or more.");
        if (!(step.value > 0)) wrong("penalties.repeat must be above 0; 1 changes nothing.");
        return;
    case SamplerStep::Type::top_k:
        if (step.count < 1) wrong("topK.k must be 1 or more; leave the step out to keep every token.");
        return;
    case SamplerStep::Type::top_p:
        if (!(step.value > 0 && step.value <= 1)) wrong("topP.p must be above 0 and at most 1.");
        return;
    case SamplerStep::Type::min_p:
        if (!(step.value >= 0 && step.value <= 1)) wrong("minP.p must be from 0 to 1.");
        return;
    case SamplerStep::Type::temperature:
        if (!(step.value > 0)) wrong("temperature.t must be above 0; use greedy for the likeliest token.");
        return;
    case SamplerStep::Type::draw:
    case SamplerStep::Type::greedy:
        return;
    }
}

llama_sampler* build_step(const SamplerStep& step, uint32_t seed, const llama_vocab* vocab) {
    switch (step.type) {
    case SamplerStep::Type::penalties:
        return llama_sampler_init_penalties(llama_vocab_n_tokens(vocab), step.count, step.value, 0.0f, 0.0f);
    case SamplerStep::Type::top_k:
        return llama_sampler_init_top_k(step.count);
    case SamplerStep::Type::top_p:
        return llama_sampler_init_top_p(step.value, step.min_keep);
    case SamplerStep::Type::min_p:
        return llama_sampler_init_min_p(step.value, step.min_keep);
    case SamplerStep::Type::temperature:
        return llama_sampler_init_temp(step.value);
    case SamplerStep::Type::draw:
        return llama_sampler_init_dist(seed);
    case SamplerStep::Type::greedy:
        return llama_sampler_init_greedy();
    }
    throw Error("INTERNAL", "Unknown sampler step.");
}

} // namespace

void check_sampler(const std::vector<SamplerStep>& steps) {
    if (steps.empty() || !picks(steps.back())) wrong("the last step must be draw or greedy.");
    for (size_t i = 0; i < steps.size(); ++i) {
        if (i + 1 < steps.size() && picks(steps[i])) wrong("draw and greedy pick the token and must be the last step.");
        check_step(steps[i]);
    }
}

Sampler build_sampler(const std::vector<SamplerStep>& steps, uint32_t seed, const llama_vocab* vocab,
                      const std::vector<llama_token>& prompt) {
    llama_sampler_chain_params params = llama_sampler_chain_default_params();
    params.no_perf = true;
    Sampler chain(llama_sampler_chain_init(params));
    size_t seen = 0;
    for (const SamplerStep& step : steps) {
        if (step.type == SamplerStep::Type::penalties) seen = std::max(seen, static_cast<size_t>(step.count));
        llama_sampler_chain_add(chain.get(), build_step(step, seed, vocab));
    }
    for (size_t i = prompt.size() - std::min(seen, prompt.size()); i < prompt.size(); ++i)
        llama_sampler_accept(chain.get(), prompt[i]);
    return chain;
}

} // namespace medilora
