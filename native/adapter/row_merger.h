#pragma once

#include <memory>
#include <vector>

#include "adapter/adapter_file.h"
#include "gguf/gguf_writer.h"
#include "util/cancel.h"
#include "util/thread_pool.h"

namespace medilora {

/// A pair and what its product is multiplied by.
struct ScaledPair {
    AdapterPair pair;
    float scale;
};

/// One tensor of the base, the type in which it is written, and what is added to it.
struct RowMerge {
    const GgufTensor& tensor;
    ggml_type type; ///< F32, F16, BF16, or the tensor's own
    const std::vector<ScaledPair>& pairs;
};

/// Whose number is not finite.
enum class RowFailure { kNone, kBase, kResult };

/// Merges and writes tensors, blocks of rows on several threads: each is dequantised, added to, rounded and written
/// while it is in the thread's cache. What was read of the base is let go of at once, so that memory holds blocks only.
class RowMerger {
  public:
    RowMerger(int threads, const Cancel& cancel);
    ~RowMerger();

    /// Writes the writer's next tensor. Throws ABORTED, TYPE_UNSUPPORTED, DISK_FULL, FILE_WRITE.
    RowFailure write(const RowMerge& merge, GgufWriter& writer);

  private:
    struct Worker;

    const Cancel& cancel_;
    ThreadPool pool_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

} // namespace medilora
