#include "process/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "crema/errors.hpp"

namespace crema::process {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t small = 1 << 20;

std::atomic<std::size_t> segments{0};

[[noreturn]] void fail(const std::string& what, std::size_t size) {
  throw Error{what + " " + std::to_string(size) + " bytes between a rank and its lane: " + std::strerror(errno) +
              "; raise the limit (ulimit -n) or use fewer lanes and actors"};
}

Descriptor create() {
  Descriptor memory{::memfd_create("crema-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  // Who maps it must not find less than there was.
  if (memory.get() >= 0) ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK);
  return memory;
}

Bytes copy_of(const Descriptor& memory, const PassedPayload& told) {
  ByteBuffer payload{told.size};
  std::byte* place = payload.extend(told.size);
  for (std::size_t done = 0; done < told.size;) {
    const ssize_t part = ::pread(memory.get(), place + done, told.size - done, static_cast<off_t>(told.offset + done));
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) fail("taking", told.size);
    done += static_cast<std::size_t>(part);
  }
  return Bytes{std::move(payload)};
}

std::size_t whole_pages(std::size_t size) { return (size + page - 1) / page * page; }

}  // namespace

Segment::Segment(Descriptor memory, bool made_here) : memory_{std::move(memory)}, made_here_{made_here} {
  segments.fetch_add(1, std::memory_order_relaxed);
}

Segment::~Segment() {
  if (place != nullptr) ::munmap(place, mapped_);
  segments.fetch_sub(1, std::memory_order_relaxed);
}

std::size_t Segment::most_here() noexcept {
  static const std::size_t limit = [] {
    rlimit descriptors{};
    return ::getrlimit(RLIMIT_NOFILE, &descriptors) == 0 ? static_cast<std::size_t>(descriptors.rlim_cur) : 0;
  }();
  return std::min(most, limit / 4);
}

bool Segment::room_for(std::size_t size) noexcept {
  return segments.load(std::memory_order_relaxed) < (size < small ? most_here() / 2 : most_here());
}

detail::StorageElsewhere* Segment::make(std::size_t wanted) noexcept {
  if (!room_for(wanted)) return nullptr;
  Descriptor memory = create();
  if (memory.get() < 0) return nullptr;
  std::unique_ptr<Segment> segment{new (std::nothrow) Segment{std::move(memory), true}};
  if (segment == nullptr || !segment->grow(wanted)) return nullptr;
  return segment.release();
}

bool Segment::grow(std::size_t wanted) noexcept {
  const std::size_t size = whole_pages(wanted);
  if (size < wanted || ::ftruncate(memory_.get(), static_cast<off_t>(size)) != 0) return false;
  void* mapping = place == nullptr ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0)
                                   : ::mremap(place, mapped_, size, MREMAP_MAYMOVE);
  if (mapping == MAP_FAILED) return false;
  place = static_cast<std::byte*>(mapping);
  mapped_ = size;
  capacity = size;
  return true;
}

void Segment::finish(std::size_t used, bool others_hold_it) noexcept {
  if (!made_here_) return;
  const std::size_t kept = whole_pages(used);
  if (others_hold_it) {
    ::mprotect(place, mapped_, PROT_READ);
  } else if (kept < mapped_) {
    ::fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(kept),
                static_cast<off_t>(mapped_ - kept));
  }
}

Bytes Segment::take(Descriptor memory, const PassedPayload& told, bool writes) {
  // The other process may have damaged what it tells.
  struct stat status {};
  if (::fstat(memory.get(), &status) != 0) fail("taking", told.size);
  const auto there = static_cast<std::uint64_t>(status.st_size);
  const int seals = ::fcntl(memory.get(), F_GET_SEALS);
  if (told.size > there || told.offset > there - told.size || seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    throw Error{"taking " + std::to_string(told.size) + " bytes that a lane and its rank share: there are " +
                std::to_string(there) + "; the memory that says how many was overwritten"};
  }
  if (told.size == 0) return {};
  if (!room_for(told.size)) return copy_of(memory, told);
  const std::size_t mapped = told.offset + told.size;
  void* mapping = ::mmap(nullptr, mapped, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, memory.get(), 0);
  if (mapping == MAP_FAILED) return copy_of(memory, told);
  auto* segment = new Segment{std::move(memory), false};
  segment->place = static_cast<std::byte*>(mapping);
  segment->mapped_ = mapped;
  segment->capacity = mapped;
  return Bytes::in(segment, told.offset, told.size);
}

Segment* Segment::of(const Bytes& bytes) noexcept {
  Segment* segment = holding(bytes);
  return segment == nullptr || segment->capacity > 2 * bytes.size() ? nullptr : segment;
}

Passing pass(const Bytes& payload, bool parts) {
  if (const Segment* segment = parts ? Segment::holding(payload) : Segment::of(payload)) {
    const auto offset = static_cast<std::uint64_t>(payload.data() - segment->place);
    return {{offset, payload.size()}, segment->descriptor(), {}};
  }
  Descriptor memory = create();
  if (memory.get() < 0) fail("passing", payload.size());
  // Cheaper than to touch the pages of a fresh mapping.
  for (std::span<const std::byte> left = payload.span(); !left.empty();) {
    const ssize_t written = ::write(memory.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("passing", payload.size());
    left = left.subspan(static_cast<std::size_t>(written));
  }
  const int number = memory.get();
  return {{0, payload.size()}, number, std::move(memory)};
}

}  // namespace crema::process
