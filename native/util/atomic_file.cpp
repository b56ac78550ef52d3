#include "util/atomic_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

namespace medilora {

void throw_write_error(const std::string& path, int error) {
    if (error == ENOSPC || error == EDQUOT)
        throw Error("DISK_FULL", "No space left while writing " + path + ". Free some space or write elsewhere.");
    throw Error("FILE_WRITE", path + " cannot be written (" + std::strerror(error) +
                                  "). Check that its folder exists and is writable.");
}

std::string temporary_name(const std::string& path) {
    static std::atomic<unsigned> counter{0};
    return path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++);
}

namespace {

void sync_folder(const std::string& path) {
    const auto slash = path.find_last_of('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
    const int fd = open(folder.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return; // Some file systems do not let a folder be opened; the rename stands all the same.
    fsync(fd);
    close(fd);
}

} // namespace

void publish_file(const std::string& temporary, const std::string& path) {
    const int fd = open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw_write_error(path, errno);
    const int synced = fsync(fd);
    const int error = errno;
    close(fd);
    if (synced != 0) throw_write_error(path, error);
    if (chmod(temporary.c_str(), 0600) != 0 || rename(temporary.c_str(), path.c_str()) != 0)
        throw_write_error(path, errno);
    sync_folder(path);
}

AtomicFile::AtomicFile(const std::string& path) : path_(path), temporary_(temporary_name(path)) {
    fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ < 0) throw_write_error(path_, errno);
}

AtomicFile::~AtomicFile() {
    if (fd_ >= 0) close(fd_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t size) {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t n = ::write(fd_, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw_write_error(path_, n == 0 ? ENOSPC : errno);
        bytes += n;
        size -= static_cast<size_t>(n);
        written_ += static_cast<size_t>(n);
    }
}

void AtomicFile::align(size_t alignment) {
    static const char zeros[256] = {};
    for (size_t pad = (alignment - written_ % alignment) % alignment; pad > 0;) {
        const size_t part = std::min(pad, sizeof(zeros));
        write(zeros, part);
        pad -= part;
    }
}

void AtomicFile::commit() {
    // close reports delayed write errors of network file systems.
    const int closed = close(fd_);
    const int error = errno;
    fd_ = -1;
    if (closed != 0) throw_write_error(path_, error);
    publish_file(temporary_, path_);
    temporary_.clear();
}

} // namespace medilora
