#include "util/atomic_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace medilora {

void AtomicFile::write(const void* data, size_t size) {
    write_at(written_, data, size);
    skip(size);
}

void AtomicFile::write_at(size_t offset, const void* data, size_t size) {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t n = pwrite(file_.fd(), bytes, size, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw_write_error(path_, n == 0 ? ENOSPC : errno);
        bytes += n;
        size -= static_cast<size_t>(n);
        offset += static_cast<size_t>(n);
    }
}

void AtomicFile::skip(size_t size) {
    written_ += size;
}

void AtomicFile::write_behind() {
#if defined(__linux__)
    // Only a hint: whatever fails here, fails again in commit().
    sync_file_range(file_.fd(), static_cast<off_t>(behind_), static_cast<off_t>(written_ - behind_),
                    SYNC_FILE_RANGE_WRITE);
#endif
    behind_ = written_;
}

void AtomicFile::align(size_t alignment) {
    static const char zeros[256] = {};
    for (size_t pad = (alignment - written_ % alignment) % alignment; pad > 0;) {
        const size_t part = std::min(pad, sizeof(zeros));
        write(zeros, part);
        pad -= part;
    }
}

} // namespace medilora
