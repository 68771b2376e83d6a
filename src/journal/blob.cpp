#include "journal/blob.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "crema/errors.hpp"
#include "crema/running_digest.hpp"
#include "journal/disk.hpp"

namespace crema::journal {
namespace {

class File {
 public:
  File(const std::filesystem::path& path, int flags) : descriptor_{::open(path.c_str(), flags | O_CLOEXEC, 0666)} {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

[[noreturn]] void fail_writing(const std::filesystem::path& path, int error) {
  throw Error{
      fmt::format("keeping a large value in the journal: \"{}\": {}; the journal's folder has to be one that all "
                  "hosts share, with room in it",
                  path.string(), std::generic_category().message(error))};
}

/// Empty, or what is wrong with the file. `bytes`: what is in it goes there; without, a part at a time is looked at.
std::string read(const std::filesystem::path& path, std::uint64_t size, Digest digest, ByteBuffer* bytes) {
  const auto unreadable = [](int error) { return "cannot be read: " + std::generic_category().message(error); };
  const File file{path, O_RDONLY};
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return unreadable(errno);
  if (static_cast<std::uint64_t>(status.st_size) != size)
    return fmt::format("has {} bytes and not the {} that were written", status.st_size, size);
  std::vector<std::byte> part(bytes == nullptr ? std::min<std::uint64_t>(size, 1 << 20) : 0);
  std::byte* const whole = bytes == nullptr ? nullptr : bytes->extend(size);
  crema::detail::RunningDigest read;
  for (std::uint64_t done = 0; done < size;) {
    std::byte* const place = whole == nullptr ? part.data() : whole + done;
    const std::uint64_t wanted = whole == nullptr ? part.size() : size - done;
    const ssize_t count = ::pread(file.get(), place, wanted, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return unreadable(count < 0 ? errno : EIO);
    read.add({place, static_cast<std::size_t>(count)});
    done += static_cast<std::uint64_t>(count);
  }
  return read.digest() == digest ? "" : "is damaged: its checksum differs";
}

void expect_synced(const std::filesystem::path& folder) {
  if (const int error = sync_folder(folder); error != 0) fail_writing(folder, error);
}

}  // namespace

std::filesystem::path blobs_of(const std::filesystem::path& journal) { return journal / "blobs"; }

std::string blob_name(TaskKey key, std::uint64_t number) { return fmt::format("{}-{:016x}", to_string(key), number); }

Digest digest_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::uint64_t write_blob(const std::filesystem::path& folder, TaskKey key, const Bytes& value) {
  if (::mkdir(folder.c_str(), 0777) == 0) {
    expect_synced(folder.parent_path());
  } else if (errno != EEXIST) {
    fail_writing(folder, errno);
  }
  // A further attempt, or one of a rank that was given up, writes another file.
  std::random_device random;
  const std::uint64_t number = std::uint64_t{random()} << 32 | random() | 1;
  const std::filesystem::path path = folder / blob_name(key, number);
  const File file{path, O_CREAT | O_EXCL | O_WRONLY};
  if (file.get() < 0) fail_writing(path, errno);
  if (const int error = write_to_disk(file.get(), value.span()); error != 0) {
    ::unlink(path.c_str());
    fail_writing(path, error);
  }
  expect_synced(folder);
  return number;
}

std::string blob_damage(const std::filesystem::path& path, std::uint64_t size, Digest digest) {
  std::string reason = read(path, size, digest, nullptr);
  return reason.empty() ? reason : fmt::format("the value in blobs/{} {}", path.filename().string(), reason);
}

Bytes read_blob(const std::filesystem::path& path, std::uint64_t size, Digest digest) {
  ByteBuffer bytes;
  if (const std::string reason = read(path, size, digest, &bytes); !reason.empty()) {
    throw Error{
        fmt::format("taking a large value from the journal: \"{}\" {}; begin anew with --restart, or put the file "
                    "back",
                    path.string(), reason)};
  }
  return Bytes{std::move(bytes)};
}

}  // namespace crema::journal
