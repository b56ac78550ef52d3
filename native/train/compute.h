#pragma once

#include <cstdint>

#include "gemm/gemm.h"
#include "util/buffer.h"
#include "util/cancel.h"
#include "util/thread_pool.h"

namespace medilora {

/// What the layers compute with. One trainer has one; not for concurrent use.
struct Compute {
    explicit Compute(int threads) : pool(threads), gemm(pool) {}

    ThreadPool pool;
    Gemm gemm;
    const Cancel* cancel = nullptr;
    bool plain_attention = false; ///< row by row instead of in tiles: slow, the reference of the other
};

} // namespace medilora
