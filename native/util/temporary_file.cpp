#include "util/temporary_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "util/error.h"

namespace medilora {

namespace {

const char* const kMark = ".tmp-";

std::string folder_of(const std::string& path) {
    const auto slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

/// Follows symbolic links, and refuses what a rename would destroy: as root, it would replace /dev/null itself.
std::string replaceable_target(const std::string& path) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) {
        if (errno == ENOENT) return path;
        throw_write_error(path, errno);
    }
    if (!S_ISREG(info.st_mode))
        throw Error("FILE_WRITE", path + " exists and is not a regular file. Name a file to write to.");
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) == nullptr) throw_write_error(path, errno);
    return resolved;
}

/// True when the process that made this temporary is gone and nothing (in another container, say) holds its lock.
bool is_stale(const std::string& path, long pid) {
    if (kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH) return false;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) return false;
    struct stat info;
    const bool stale = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return stale;
}

/// Killed processes leave their temporaries, which may be gigabytes.
void remove_stale(const std::string& target) {
    const std::string folder = folder_of(target);
    const std::string start = target.substr(target.find_last_of('/') + 1) + kMark;
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
    while (const dirent* entry = entries ? readdir(entries.get()) : nullptr) {
        if (std::strncmp(entry->d_name, start.c_str(), start.size()) != 0) continue;
        int pid, end = 0;
        const char* rest = entry->d_name + start.size();
        if (std::sscanf(rest, "%d-%*u%n", &pid, &end) != 1 || end == 0 || rest[end] != '\0' || pid <= 0) continue;
        const std::string path = folder + "/" + entry->d_name;
        if (is_stale(path, pid)) unlink(path.c_str());
    }
}

void sync_folder(const std::string& path) {
    const int fd = open(folder_of(path).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return; // Some file systems do not let a folder be opened; the rename stands all the same.
    fsync(fd);
    close(fd);
}

std::string temporary_name(const std::string& target) {
    static std::atomic<unsigned> counter{0};
    return target + kMark + std::to_string(getpid()) + "-" + std::to_string(counter++);
}

} // namespace

void throw_write_error(const std::string& path, int error) {
    if (error == ENOSPC || error == EDQUOT)
        throw Error("DISK_FULL", "No space left while writing " + path + ". Free some space or write elsewhere.");
    throw Error("FILE_WRITE", path + " cannot be written (" + std::strerror(error) +
                                  "). Check that its folder exists and is writable.");
}

void refuse_same_file(const std::string& input, const std::string& output) {
    struct stat a, b;
    if (stat(input.c_str(), &a) != 0 || stat(output.c_str(), &b) != 0) return;
    if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        throw Error("ARGUMENT_INVALID",
                    output + " is the input file " + input + " itself. Write to another file, the input is kept.");
}

TemporaryFile::TemporaryFile(const std::string& path) : wanted_(path), target_(replaceable_target(path)) {
    remove_stale(target_);
    path_ = temporary_name(target_);
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ < 0) throw_write_error(wanted_, errno);
    flock(fd_, LOCK_EX | LOCK_NB); // File systems without locks still have the process id in the name.
}

TemporaryFile::~TemporaryFile() {
    if (fd_ >= 0) close(fd_);
    if (!published_) unlink(path_.c_str());
}

void TemporaryFile::publish() {
    if (fsync(fd_) != 0) throw_write_error(wanted_, errno);
    // close reports delayed write errors of network file systems.
    const int closed = close(std::exchange(fd_, -1));
    if (closed != 0 || rename(path_.c_str(), target_.c_str()) != 0) throw_write_error(wanted_, errno);
    published_ = true;
    sync_folder(target_);
}

} // namespace medilora
