#include "journal/disk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace crema::journal {

int write_to_disk(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return ::fdatasync(file) == 0 ? 0 : errno;
}

int sync_folder(const std::filesystem::path& folder) {
  const int open = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (open < 0) return errno;
  // EINVAL: folders of some filesystems.
  const int error = ::fsync(open) == 0 || errno == EINVAL ? 0 : errno;
  ::close(open);
  return error;
}

}  // namespace crema::journal
