#pragma once

#include <string>

namespace medilora {

/// Throws the error for a failed write to `path`, by errno.
[[noreturn]] void throw_write_error(const std::string& path, int error);

/// Throws ARGUMENT_INVALID when `output` is the very file `input`, under whatever name: writing would destroy it.
void refuse_same_file(const std::string& input, const std::string& output);

/// An empty file of mode 0600 beside the one to be written, which it replaces when published and else vanishes.
/// Symbolic links are followed: what they point to is replaced. Locked while it is in use, so that what a killed
/// process left behind is told apart from the work of a living one, and removed.
class TemporaryFile {
  public:
    /// Throws FILE_WRITE when `path` is not writable or exists and is no regular file, DISK_FULL.
    explicit TemporaryFile(const std::string& path);
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    const std::string& path() const { return path_; }
    int fd() const { return fd_; }
    /// Syncs the file and gives it its final name. Throws FILE_WRITE or DISK_FULL.
    void publish();

  private:
    std::string wanted_, target_, path_;
    int fd_ = -1;
    bool published_ = false;
};

} // namespace medilora
