#pragma once

#include <cstddef>
#include <string>

#include "util/temporary_file.h"

namespace medilora {

/// A file that appears under its name only when complete: written beside it, synced, renamed.
/// Mode 0600, since what we write may hold what a model learned from patients' text.
class AtomicFile {
  public:
    /// Throws as TemporaryFile does.
    explicit AtomicFile(const std::string& path) : path_(path), file_(path) {}

    /// Throws DISK_FULL or FILE_WRITE.
    void write(const void* data, size_t size);
    /// Writes at a distance from the start, also beyond what is written yet. Safe on several threads at once.
    void write_at(size_t offset, const void* data, size_t size);
    /// Goes on behind `size` bytes that write_at() writes.
    void skip(size_t size);
    /// Pads with zeros up to a multiple of `alignment`.
    void align(size_t alignment);
    size_t written() const { return written_; }
    /// Lets the system begin to store what was written, where it can be asked to, so that commit() has less to wait
    /// for.
    void write_behind();
    /// Where the bytes are until then.
    const std::string& temporary_path() const { return file_.path(); }
    /// Throws DISK_FULL or FILE_WRITE; the file of that name is as it was then.
    void commit() { file_.publish(); }

  private:
    std::string path_;
    TemporaryFile file_;
    size_t written_ = 0;
    size_t behind_ = 0; ///< written_ at the last write_behind()
};

} // namespace medilora
