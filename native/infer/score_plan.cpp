#include "infer/score_plan.h"

#include <algorithm>
#include <limits>
#include <string>

#include "infer/vocab.h"
#include "util/error.h"

namespace medilora {

namespace {

void check_request(const ScoreRequest& request, const llama_vocab* vocab, size_t sequence_limit,
                   const std::string& name) {
    if (request.context.empty())
        throw Error("ARGUMENT_INVALID", name + " has an empty context. Begin it with BOS or some text.");
    if (request.continuations.empty())
        throw Error("ARGUMENT_INVALID", name + " has no continuations. Give at least one.");
    check_tokens(vocab, request.context, name);
    for (size_t i = 0; i < request.continuations.size(); ++i) {
        const std::vector<llama_token>& continuation = request.continuations[i];
        const std::string place = name + ", continuation " + std::to_string(i);
        if (continuation.empty()) throw Error("ARGUMENT_INVALID", place + " is empty. Give it at least one token.");
        check_tokens(vocab, continuation, place);
        const size_t size = request.context.size() + continuation.size() - 1;
        if (size > sequence_limit)
            throw Error("CONTEXT_EXCEEDED", place + " needs " + std::to_string(size) +
                                                " tokens, but a sequence holds " + std::to_string(sequence_limit) +
                                                ". Shorten the context, or use a larger contextSize or model context.");
    }
}

size_t common_tokens(const ScorePath& a, const ScorePath& b) {
    const size_t most = std::min(a.size(), b.size());
    size_t length = 0;
    while (length < most && a.token(length) == b.token(length)) ++length;
    return length;
}

bool before(const ScorePath& a, const ScorePath& b) {
    const size_t length = common_tokens(a, b);
    if (length < std::min(a.size(), b.size())) return a.token(length) < b.token(length);
    return a.size() < b.size();
}

} // namespace

void check_score_requests(const std::vector<ScoreRequest>& requests, const llama_vocab* vocab, size_t sequence_limit) {
    for (size_t i = 0; i < requests.size(); ++i)
        check_request(requests[i], vocab, sequence_limit, "Request " + std::to_string(i));
}

ScorePlan::ScorePlan(const std::vector<ScoreRequest>& requests, bool share) {
    for (size_t i = 0; i < requests.size(); ++i)
        for (size_t j = 0; j < requests[i].continuations.size(); ++j) paths_.emplace_back(requests, i, j);
    std::stable_sort(paths_.begin(), paths_.end(), before);
    for (size_t i = 0; i < paths_.size(); ++i) {
        const ScorePath& path = paths_[i];
        const size_t common = i == 0 ? 0 : common_tokens(paths_[i - 1], path);
        if (i > 0 && common == paths_[i - 1].size()) {
            Strand& strand = strands_.back();
            strand.last_path = i;
            strand.size = path.size();
            strand.first_read = std::min(strand.first_read, path.first_read());
        } else
            strands_.push_back({i, i, path.size(), path.first_read(), share ? common : 0});
    }
}

Wave ScorePlan::wave(size_t begin, size_t sequences, size_t cells, size_t batch) const {
    size_t used = strands_[begin].size;
    const size_t held = strands_[begin].shared;
    size_t end = begin + 1;
    for (; end < strands_.size() && end - begin < sequences; ++end) {
        used += strands_[end].size - strands_[end].shared;
        if (used > cells || used - held > batch) break;
    }
    return {begin, end, cached_tokens(begin, end)};
}

/// A position that is read must be decoded again, and then by every strand that shares it: so all are cut at the lowest
/// such position. Strands that share a token thereby begin at the same one, as llama.cpp demands.
std::vector<size_t> ScorePlan::cached_tokens(size_t begin, size_t end) const {
    std::vector<size_t> cached;
    size_t common = std::numeric_limits<size_t>::max(), cut = common;
    for (size_t i = begin; i < end; ++i) {
        common = std::min(common, strands_[i].shared);
        if (common > strands_[i].first_read) cut = std::min(cut, strands_[i].first_read);
        cached.push_back(common);
    }
    for (size_t& tokens : cached) tokens = std::min(tokens, cut);
    return cached;
}

} // namespace medilora
