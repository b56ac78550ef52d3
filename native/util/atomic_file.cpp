#include "util/atomic_file.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace medilora {

void AtomicFile::write(const void* data, size_t size) {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t n = ::write(file_.fd(), bytes, size);
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

} // namespace medilora
