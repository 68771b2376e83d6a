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

SpillSpace::Place SpillSpace::write(std::span<const std::byte> bytes) {
  if (!segment_ || segment_->end() >= segment_size) segment_ = std::make_shared<Segment>(folder_);
  const std::uint64_t offset = segment_->append(bytes);
  return {segment_, offset, bytes.size()};
}

Bytes SpillSpace::read(const Place& place) {
  ByteBuffer buffer{place.size};
  place.segment->read(place.offset, {buffer.extend(place.size), place.size});
  return Bytes{std::move(buffer)};
}

Bytes SpillSpace::read_part(const Place& place, std::uint32_t part) {
  const wire::ByteRange range =
      wire::find_part(place.size, part, [&place](std::uint64_t offset, std::span<std::byte> bytes) {
        place.segment->read(place.offset + offset, bytes);
      });
  ByteBuffer buffer{range.size};
  place.segment->read(place.offset + range.offset, {buffer.extend(range.size), range.size});
  return Bytes{std::move(buffer)};
}

void SpillSpace::free(const Place& place) { place.segment->free(place.offset, place.size); }

}  // namespace crema::store
