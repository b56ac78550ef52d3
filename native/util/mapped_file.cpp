#include "util/mapped_file.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

namespace medilora {

MappedFile::MappedFile(const std::string& path) {
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        // Electron's archive is a file, into which only its own JavaScript functions see.
        if (errno == ENOTDIR && path.find(".asar/") != std::string::npos)
            throw Error("FILE_READ", path +
                                         " is inside an archive of Electron, where native code cannot read. Keep the "
                                         "file outside (asarUnpack, extraResources), and name that path.");
        if (errno == ENOENT || errno == ENOTDIR)
            throw Error("FILE_NOT_FOUND", path + " does not exist. Check the path.");
        throw Error("FILE_READ", path + " cannot be read (" + std::strerror(errno) + "). Check its permissions.");
    }
    struct stat info;
    const bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    if (regular && info.st_size > 0) {
        size_ = static_cast<size_t>(info.st_size);
        mapping_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (!regular) throw Error("FILE_READ", path + " is not a regular file. Check the path.");
    if (mapping_ == MAP_FAILED) {
        mapping_ = nullptr;
        throw Error("FILE_READ", path + " cannot be memory-mapped (" + std::strerror(errno) + ").");
    }
}

MappedFile::~MappedFile() {
    if (mapping_ != nullptr) munmap(mapping_, size_);
}

void release_pages(const void* data, size_t size) {
    const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t begin = reinterpret_cast<uintptr_t>(data), end = begin + size;
    const uintptr_t first = begin / page * page;
    if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

} // namespace medilora
