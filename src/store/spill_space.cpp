#include "store/spill_space.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "crema/errors.hpp"
#include "wire/parts.hpp"

namespace crema::store {
namespace {

[[noreturn]] void fail(const std::string& attempted, const std::filesystem::path& folder, int error) {
  throw Error{
      attempted + " in " + folder.string() + ": " + std::strerror(error) +
      "; name a folder with more room (--spill-dir), allow more memory (--memory-budget), or keep fewer results "
      "at a time"};
}

int open_without_name(const std::filesystem::path& folder) {
  if (const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); file >= 0) return file;
  // Not every filesystem knows O_TMPFILE.
  std::string name = (folder / "crema-spill-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) fail("creating a file for results that memory does not hold", folder, errno);
  ::unlink(name.c_str());
  return file;
}

}  // namespace

class SpillSpace::Segment {
 public:
  explicit Segment(const std::filesystem::path& folder) : folder_{folder}, file_{open_without_name(folder)} {}
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment() { ::close(file_); }

  [[nodiscard]] std::uint64_t end() const { return end_; }

  /// Returns where they lie.
  std::uint64_t append(std::span<const std::byte> bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ::ssize_t written =
          ::pwrite(file_, bytes.data() + done, bytes.size() - done, static_cast<::off_t>(end_ + done));
      if (written >= 0) {
        done += static_cast<std::size_t>(written);
      } else if (errno != EINTR) {
        const int error = errno;
        free(end_, done);
        fail("writing " + std::to_string(bytes.size()) + " bytes of results that memory does not hold", folder_, error);
      }
    }
    return std::exchange(end_, end_ + bytes.size());
  }

  void read(std::uint64_t offset, std::span<std::byte> place) const {
    for (std::size_t done = 0; done < place.size();) {
      const ::ssize_t count =
          ::pread(file_, place.data() + done, place.size() - done, static_cast<::off_t>(offset + done));
      if (count > 0) {
        done += static_cast<std::size_t>(count);
      } else if (count == 0 || errno != EINTR) {
        fail("reading back " + std::to_string(place.size()) + " bytes of results", folder_, count == 0 ? EIO : errno);
      }
    }
  }

  /// Where the filesystem cannot do it, the space returns with the segment.
  void free(std::uint64_t offset, std::uint64_t size) const {
    static_cast<void>(::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<::off_t>(offset),
                                  static_cast<::off_t>(size)));
  }

 private:
  const std::filesystem::path folder_;
  const int file_;
  std::uint64_t end_ = 0;
};

SpillSpace::Spilled::Spilled(std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t size) noexcept
    : segment_{std::move(segment)}, offset_{offset}, size_{size} {}

SpillSpace::Spilled::~Spilled() { segment_->free(offset_, size_); }

Bytes SpillSpace::Spilled::read() const {
  ByteBuffer buffer{size_};
  segment_->read(offset_, {buffer.extend(size_), size_});
  return Bytes{std::move(buffer)};
}

Bytes SpillSpace::Spilled::read_part(std::uint32_t part) const {
  const wire::ByteRange range = wire::find_part(size_, part, [this](std::uint64_t offset, std::span<std::byte> place) {
    segment_->read(offset_ + offset, place);
  });
  ByteBuffer buffer{range.size};
  segment_->read(offset_ + range.offset, {buffer.extend(range.size), range.size});
  return Bytes{std::move(buffer)};
}

std::shared_ptr<const SpillSpace::Spilled> SpillSpace::write(std::span<const std::byte> bytes) {
  if (!segment_ || segment_->end() >= segment_size) segment_ = std::make_shared<Segment>(folder_);
  const std::uint64_t offset = segment_->append(bytes);
  return std::make_shared<const Spilled>(segment_, offset, bytes.size());
}

}  // namespace crema::store
