#pragma once

#include <cstddef>
#include <string>

namespace medilora {

/// A regular file, memory-mapped for reading.
class MappedFile {
  public:
    /// Throws FILE_NOT_FOUND or FILE_READ. An empty file maps to size 0.
    explicit MappedFile(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const char* data() const { return static_cast<const char*>(mapping_); }
    size_t size() const { return size_; }

  private:
    void* mapping_ = nullptr;
    size_t size_ = 0;
};

/// Lets go of the mapped pages from `data` to `data + size`, so that a pass over a large file does not fill the memory;
/// touched again, they are read again.
void release_pages(const void* data, size_t size);

} // namespace medilora
