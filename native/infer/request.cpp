#include "infer/request.h"

#include <algorithm>

#include "infer/vocab.h"
#include "util/error.h"

namespace medilora {

namespace {

void check_request(const Request& request, const llama_vocab* vocab, size_t sequence_limit, const std::string& name) {
    if (request.prompt.empty())
        throw Error("ARGUMENT_INVALID", name + " has an empty prompt. Begin it with BOS or some text.");
    if (request.max_tokens < 1) throw Error("ARGUMENT_INVALID", name + ": maxTokens must be 1 or more.");
    check_tokens(vocab, request.prompt, name);
    check_tokens(vocab, request.stop_tokens, name + ", stopTokens");
    if (request.prompt.size() + 1 > sequence_limit)
        throw Error("CONTEXT_EXCEEDED", name + " has " + std::to_string(request.prompt.size()) +
                                            " prompt tokens, but a sequence holds " + std::to_string(sequence_limit) +
                                            ". Shorten the prompt, or use a larger contextSize or model context.");
    for (const std::string& stop : request.stop_strings)
        if (stop.empty()) throw Error("ARGUMENT_INVALID", name + " has an empty stop string.");
    try {
        check_sampler(request.sampler);
    } catch (const Error& error) {
        throw Error(error.code(), name + ": " + error.what());
    }
}

} // namespace

void check_requests(const std::vector<Request>& requests, const llama_vocab* vocab, size_t sequence_limit) {
    for (size_t i = 0; i < requests.size(); ++i)
        check_request(requests[i], vocab, sequence_limit, "Request " + std::to_string(i));
}

size_t common_prefix(const std::vector<Request>& requests) {
    const std::vector<llama_token>& first = requests.front().prompt;
    size_t length = first.size() - 1;
    for (const Request& request : requests) {
        const auto end = first.begin() + std::min(length, request.prompt.size() - 1);
        length = std::mismatch(first.begin(), end, request.prompt.begin()).first - first.begin();
    }
    return length;
}

} // namespace medilora
