#pragma once

#include <vector>

#include "gemm/kernels.h"
#include "util/buffer.h"
#include "util/thread_pool.h"

namespace medilora {

/// The mask of a cell that is not read.
constexpr ggml_fp16_t kMinusInfinity = 0xfc00;

/// True for a FLASH_ATTN_EXT over a key-value cache that CellAttention computes: float32 queries, keys and values of a
/// type that can be dequantised, a mask, no ALiBi, no sinks.
bool cell_attention_computes(const ggml_tensor* op);

/// True for a float32 tensor's copy in f16. Where a cache's copy is what CellAttention is given, it reads the cache.
bool is_f16_cast(const ggml_tensor* t);

/// Attention of many sequences over the cells of one unified key-value cache. A query reads only the cells that its
/// mask allows. All is float32, and what a query gets depends on its own cells in their order alone, to the bit: not on
/// the other queries of the batch, nor on where in the cache the cells lie.
/// Not safe for concurrent calls on one object.
class CellAttention {
  public:
    CellAttention(ThreadPool& pool, const Kernels& set) : pool_(pool), set_(set), scratch_(pool.size()) {}

    void compute(const ggml_tensor* op);

    /// Cells [begin, end) that one query reads; `first` counts the cells of its runs before.
    struct Run {
        int32_t begin, end, first;
    };

    /// What the queries of one token read, in ascending order.
    struct Reads {
        std::vector<Run> runs;
        int32_t count = 0;
        bool biased = false; ///< some of the cells have a mask that is not zero
    };

    struct Scratch {
        Buffer queries, rows, packed, scores, out;
        std::vector<float> sums;
    };

  private:
    ThreadPool& pool_;
    const Kernels& set_;
    std::vector<Scratch> scratch_; // one a thread
    std::vector<Reads> reads_;     // one a token
};

} // namespace medilora
