#pragma once

#include <cstddef>
#include <string>

namespace medilora {

/// A file that appears under its name only when complete: written beside it, synced, renamed.
/// Mode 0600, since what we write may hold what a model learned from patients' text.
class AtomicFile {
  public:
    explicit AtomicFile(const std::string& path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    /// Throws DISK_FULL or FILE_WRITE.
    void write(const void* data, size_t size);
    /// Pads with zeros up to a multiple of `alignment`.
    void align(size_t alignment);
    size_t written() const { return written_; }
    void commit();

  private:
    std::string path_, temporary_;
    int fd_ = -1;
    size_t written_ = 0;
};

/// Moves a finished file to its final name, after syncing it. Throws FILE_WRITE.
void publish_file(const std::string& temporary, const std::string& path);

/// A name beside `path` that no other process uses.
std::string temporary_name(const std::string& path);

/// Throws the error for a failed write to `path`, by errno.
[[noreturn]] void throw_write_error(const std::string& path, int error);

} // namespace medilora
