#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace crema::io {

/// A regular file that is open for reading. Every failure is a DataError that names the file.
class File {
 public:
  explicit File(std::string path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// When it was changed last, as it was then: nanoseconds of the filesystem's clock.
  [[nodiscard]] std::int64_t modified() const noexcept { return modified_; }
  /// Reads exactly `size` bytes; a file that has become shorter is an error.
  void read(std::uint64_t offset, char* to, std::size_t size) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::int64_t modified_ = 0;
};

/// In a folder of part files until all are there, and from then on.
constexpr const char* unfinished_marker = "_UNFINISHED";
constexpr const char* finished_marker = "_SUCCESS";

/// Bytes of a block before it is rounded up to whole records, by the size of all files: small ones still make enough
/// blocks to share out, and the blocks of large ones are worth a task each.
std::uint64_t block_size_for(std::uint64_t size);

/// The paths a glob(7) pattern matches, sorted by their bytes, which is the same in every locale; no marker of a
/// finished folder is among them. A pattern that is the name of something that exists is taken as that name. Throws
/// DataError where nothing matches, a folder cannot be listed, or part files are matched of a folder that is not whole.
std::vector<std::string> matching_paths(const std::string& pattern);
/// Those of several patterns, one after the other.
std::vector<std::string> matching_paths(const std::vector<std::string>& patterns);

}  // namespace crema::io
