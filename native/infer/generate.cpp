#include "infer/generate.h"

#include <algorithm>
#include <numeric>

#include "infer/logprob.h"
#include "infer/text.h"
#include "infer/vocab.h"
#include "util/error.h"

namespace medilora {

namespace {

/// Tokens of a prompt for which a request waits until another one has read them: about what a decode of answers costs.
constexpr size_t kWorthWaiting = 32;

} // namespace

Generation::Generation(Engine& engine, const std::vector<Request>& requests, bool share_prefix, const Cancel& cancel,
                       const std::function<void(Result&&)>& on_result)
    : engine_(engine), requests_(requests), cancel_(cancel), on_result_(on_result), share_prefix_(share_prefix),
      waiting_(requests.size()), slots_(std::min<size_t>(engine.options().sequences, requests.size())) {
    for (size_t i = 0; i < slots_.size(); ++i) slots_[i].sequence = static_cast<llama_seq_id>(i);
    std::iota(waiting_.begin(), waiting_.end(), size_t{0});
    std::stable_sort(waiting_.begin(), waiting_.end(), [&](size_t a, size_t b) {
        const auto &first = requests[a].prompt, &second = requests[b].prompt;
        return first.size() != second.size() ? first.size() > second.size() : first < second;
    });
    if (share_prefix && requests.size() > 1) prefix_ = common_prefix(requests);
    reserved_ = prefix_;
    const auto end = tokenize(engine.vocab(), "<|im_end|>", false, true);
    if (end.size() == 1) im_end_ = end.front();
}

void Generation::run() {
    llama_memory_clear(engine_.memory(), false);
    compute_prefix();
    for (;;) {
        admit();
        fill_batch();
        if (engine_.batch().size() == 0) return;
        engine_.decode(cancel_);
        for (Slot& slot : slots_)
            if (slot.row >= 0) draw(slot);
    }
}

void Generation::compute_prefix() {
    const std::vector<llama_token>& tokens = requests_.front().prompt;
    for (size_t done = 0; done < prefix_;) {
        engine_.batch().clear();
        for (; done < prefix_ && !engine_.batch().full(); ++done)
            engine_.batch().add(tokens[done], static_cast<llama_pos>(done), 0, false);
        engine_.decode(cancel_);
    }
    if (prefix_ == 0) return;
    for (size_t i = 1; i < slots_.size(); ++i)
        llama_memory_seq_cp(engine_.memory(), 0, slots_[i].sequence, 0, static_cast<llama_pos>(prefix_));
}

size_t Generation::answer_limit(const Request& request) const {
    return std::min<size_t>(request.max_tokens, engine_.sequence_limit() - request.prompt.size());
}

/// The last token of an answer is never decoded.
size_t Generation::cells(const Request& request) const {
    return request.prompt.size() + answer_limit(request) - 1 - prefix_;
}

void Generation::admit() {
    for (Slot& slot : slots_)
        if (slot.request == nullptr && !admit_one(slot)) break;
    drop_residents();
}

/// False when no request can enter now.
bool Generation::admit_one(Slot& slot) {
    // Few look further than the first: only requests with the same beginning wait for each other.
    const size_t candidates = std::min(waiting_.size(), 2 * slots_.size());
    for (size_t i = 0; i < candidates; ++i) {
        const Request& request = requests_[waiting_[i]];
        if (reserved_ + cells(request) > engine_.options().context_size) return false;
        const Source source = best_source(request);
        if (source.later >= source.shared + kWorthWaiting) continue;
        const size_t index = waiting_[i];
        waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(i));
        start(slot, index, source);
        return true;
    }
    return false;
}

Generation::Source Generation::best_source(const Request& request) const {
    Source best{nullptr, prefix_, prefix_};
    for (const Slot& slot : slots_) {
        if (!share_prefix_ || slot.resident == nullptr) continue;
        const size_t later = in_common(slot, request), now = std::min(later, slot.decoded);
        best.later = std::max(best.later, later);
        if (now > best.shared) {
            best.slot = &slot;
            best.shared = now;
        }
    }
    return best;
}

/// Tokens at the beginning of both prompts; at least the request's last one is left to compute.
size_t Generation::in_common(const Slot& source, const Request& request) const {
    const std::vector<llama_token>&one = source.resident->prompt, &other = request.prompt;
    const size_t most = std::min(one.size(), other.size() - 1);
    size_t n = prefix_;
    while (n < most && one[n] == other[n]) ++n;
    return n;
}

/// What ended requests left in the cache is not counted in reserved_, so it goes before anything is decoded.
void Generation::drop_residents() {
    for (Slot& slot : slots_) {
        if (slot.request != nullptr || slot.resident == nullptr) continue;
        llama_memory_seq_rm(engine_.memory(), slot.sequence, static_cast<llama_pos>(prefix_), -1);
        slot.resident = nullptr;
    }
}

void Generation::start(Slot& slot, size_t index, const Source& source) {
    const Request& request = requests_[index];
    const auto kept = static_cast<llama_pos>(source.slot == &slot ? source.shared : prefix_);
    if (slot.resident != nullptr) llama_memory_seq_rm(engine_.memory(), slot.sequence, kept, -1);
    if (source.slot != nullptr && source.slot != &slot)
        llama_memory_seq_cp(engine_.memory(), source.slot->sequence, slot.sequence, kept,
                            static_cast<llama_pos>(source.shared));
    slot.request = slot.resident = &request;
    slot.limit = answer_limit(request);
    slot.decoded = source.shared;
    slot.sampler = build_sampler(request.sampler, request.seed, engine_.vocab(), request.prompt);
    slot.text.clear();
    slot.result = Result{};
    slot.result.index = index;
    slot.result.prompt_tokens = request.prompt.size();
    reserved_ += cells(request);
}

/// Running answers first, a token each, so that they never wait; prompts fill the rest.
void Generation::fill_batch() {
    engine_.batch().clear();
    for (Slot& slot : slots_) {
        slot.row = -1;
        if (slot.request == nullptr || slot.result.tokens.empty() || engine_.batch().full()) continue;
        slot.row =
            engine_.batch().add(slot.result.tokens.back(), static_cast<llama_pos>(slot.decoded++), slot.sequence, true);
    }
    for (Slot& slot : slots_)
        if (slot.request != nullptr && slot.result.tokens.empty()) feed_prompt(slot);
}

void Generation::feed_prompt(Slot& slot) {
    const std::vector<llama_token>& prompt = slot.request->prompt;
    while (slot.decoded < prompt.size() && !engine_.batch().full()) {
        const bool last = slot.decoded + 1 == prompt.size();
        const int32_t row =
            engine_.batch().add(prompt[slot.decoded], static_cast<llama_pos>(slot.decoded), slot.sequence, last);
        slot.decoded++;
        if (last) slot.row = row;
    }
}

void Generation::draw(Slot& slot) {
    const float* logits = engine_.row(slot.row);
    const double total = log_sum_exp(logits, llama_vocab_n_tokens(engine_.vocab()));
    if (!std::isfinite(total))
        throw Error("MODEL_INVALID", "Request " + std::to_string(slot.result.index) +
                                         ": the model's logits are not finite. The model or adapter is damaged.");
    const llama_token token = llama_sampler_sample(slot.sampler.get(), engine_.context(), slot.row);
    slot.result.tokens.push_back(token);
    slot.result.logprobs.push_back(logits[token] - total);
    if (append(slot, token))
        finish(slot, true);
    else if (slot.result.tokens.size() >= slot.limit)
        finish(slot, false);
}

/// Adds a token's text to the answer; true when the answer has ended.
bool Generation::append(Slot& slot, llama_token token) {
    if (ends_answer(*slot.request, token)) return true;
    const size_t checked = slot.text.size();
    slot.text += piece(engine_.vocab(), token, false);
    const size_t stop = find_stop(slot.text, checked, slot.request->stop_strings);
    if (stop == std::string::npos) return false;
    slot.text.resize(stop);
    return true;
}

bool Generation::ends_answer(const Request& request, llama_token token) const {
    const auto& stops = request.stop_tokens;
    return token == im_end_ || llama_vocab_is_eog(engine_.vocab(), token) ||
           std::find(stops.begin(), stops.end(), token) != stops.end();
}

void Generation::finish(Slot& slot, bool stopped) {
    slot.result.text = valid_utf8(slot.text);
    slot.result.stopped = stopped;
    release(slot);
    on_result_(std::move(slot.result));
}

void Generation::release(Slot& slot) {
    reserved_ -= cells(*slot.request);
    slot.request = nullptr;
    slot.sampler.reset();
}

} // namespace medilora
