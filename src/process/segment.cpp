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
#include <mutex>
#include <new>
#include <set>
#include <string>

#include "common/storage_pool.hpp"
#include "crema/errors.hpp"
#include "process/kept_mappings.hpp"

namespace crema::process {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t small = 1 << 20;

std::atomic<std::size_t> segments{0};
std::atomic<Segment*> spare{nullptr};

/// The memory of all segments of this process: what a lane passes a second time, whatever it says, is not its own.
class KnownMemory {
 public:
  /// False: it was known, or cannot be remembered.
  bool add(ino_t number) noexcept try {
    const std::lock_guard lock{mutex_};
    return numbers_.insert(number).second;
  } catch (const std::bad_alloc&) {
    return false;
  }
  void remove(ino_t number) {
    const std::lock_guard lock{mutex_};
    numbers_.erase(number);
  }

 private:
  std::mutex mutex_;
  std::set<ino_t> numbers_;
};
KnownMemory& known_memory() {
  // Values may end after everything else has.
  static auto& known = *new KnownMemory;
  return known;
}

ino_t number_of(const Descriptor& memory) {
  struct stat status {};
  return ::fstat(memory.get(), &status) == 0 ? status.st_ino : 0;
}

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
/// The pages of `size` bytes from `begin` on; the file keeps its size.
void give_back(const Descriptor& memory, std::size_t begin, std::size_t size) noexcept {
  ::fallocate(memory.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
              static_cast<off_t>(size));
}
/// Of segments for so many bytes.
std::size_t capacity_for(std::size_t size) {
  return whole_pages(size < StoragePool::smallest ? size : StoragePool::rounded(size));
}

detail::StorageElsewhere* reuse_or_make(std::size_t capacity) noexcept {
  if (detail::StorageElsewhere* const used = Segment::used_before(capacity)) return used;
  return capacity < Segment::smallest_filled ? nullptr : Segment::make(capacity);
}

}  // namespace

Segment::Segment(Descriptor memory)
    : memory_{std::move(memory)}, number_{number_of(memory_)}, known_first_{known_memory().add(number_)} {
  segments.fetch_add(1, std::memory_order_relaxed);
}

Segment::~Segment() {
  if (stays_mapped_) {
    KeptMappings::of_process().keep({number_, place, mapped_});
  } else if (place != nullptr) {
    // Its pages would live as long as they are mapped.
    if (others_map_ && mine_) give_back(memory_, 0, mapped_);
    ::munmap(place, mapped_);
  }
  if (known_first_) known_memory().remove(number_);
  segments.fetch_sub(1, std::memory_order_relaxed);
  if (loan_ != 0) ended_->add(loan_);
}

void Segment::use_for_large_buffers() noexcept { detail::use_for_large_buffers(StoragePool::smallest, &reuse_or_make); }

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
  std::unique_ptr<Segment> segment{new (std::nothrow) Segment{std::move(memory)}};
  if (segment == nullptr || !segment->grow(wanted)) return nullptr;
  segment->mine_ = true;
  return segment.release();
}

detail::StorageElsewhere* Segment::used_before(std::size_t wanted) noexcept {
  const std::size_t wanted_capacity = capacity_for(wanted);
  if (Segment* const mine = spare.exchange(nullptr)) {
    if (mine->capacity == wanted_capacity) return mine;
    Segment* none = nullptr;
    if (!spare.compare_exchange_strong(none, mine)) delete mine;
  }
  return static_cast<StorageElsewhere*>(StoragePool::of_process().take(wanted_capacity, true));
}

void Segment::set_aside(Descriptor memory, std::size_t capacity) noexcept {
  std::unique_ptr<Segment> segment{new (std::nothrow) Segment{std::move(memory)}};
  if (segment == nullptr || !segment->map(capacity, true)) return;
  segment->mine_ = segment->others_map_ = true;
  delete spare.exchange(segment.release());
}

void Segment::set_nothing_aside() noexcept { delete spare.exchange(nullptr); }

/// So that those which nobody needs do not take the place of others.
bool Segment::few() noexcept { return segments.load(std::memory_order_relaxed) <= most_here() / 4; }

bool Segment::serves_again() const noexcept { return mine_ && few(); }

bool Segment::map(std::size_t size, bool writes) noexcept {
  void* const mapping = ::mmap(nullptr, size, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, memory_.get(), 0);
  if (mapping == MAP_FAILED) return false;
  use(static_cast<std::byte*>(mapping), size);
  return true;
}

void Segment::use(std::byte* mapping, std::size_t size) noexcept {
  place = mapping;
  mapped_ = size;
  capacity = size;
}

bool Segment::grow(std::size_t wanted) noexcept {
  const std::size_t size = capacity_for(wanted);
  if (size < wanted || ::ftruncate(memory_.get(), static_cast<off_t>(size)) != 0) return false;
  if (place == nullptr) return map(size, true);
  void* const mapping = ::mremap(place, mapped_, size, MREMAP_MAYMOVE);
  if (mapping == MAP_FAILED) return false;
  use(static_cast<std::byte*>(mapping), size);
  return true;
}

bool Segment::finish(std::size_t used, bool others_hold_it) noexcept {
  const bool held = others_hold_it || passed_;
  passed_ = true;
  mine_ = false;
  const std::size_t kept = whole_pages(used);
  if (held) {
    ::mprotect(place, mapped_, PROT_READ);
  } else if (kept < mapped_) {
    give_back(memory_, kept, mapped_ - kept);
  }
  return held;
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
  std::unique_ptr<Segment> segment{new Segment{std::move(memory)}};
  // A rank has all of it, to have it filled again, and a lane what it may keep mapped.
  const bool all = writes || told.stays != 0;
  const Mapping kept =
      told.stays != 0 ? KeptMappings::of_process().take(segment->number_, told.offset + told.size) : Mapping{};
  if (kept.place != nullptr) {
    segment->use(kept.place, kept.size);
  } else if (!segment->map(all ? there : told.offset + told.size, writes)) {
    return copy_of(segment->memory_, told);
  }
  segment->mine_ = writes && told.held == 0 && segment->known_first_;
  segment->others_map_ = writes;  // a lane may have made it in memory that was lent before
  return Bytes::in(segment.release(), told.offset, told.size);
}

Segment* Segment::of(const Bytes& bytes) noexcept {
  Segment* segment = holding(bytes);
  return segment == nullptr || segment->capacity > 2 * bytes.size() ? nullptr : segment;
}

Passing pass(const Bytes& payload, bool parts) {
  if (const Segment* segment = parts ? Segment::holding(payload) : Segment::of(payload)) {
    const auto offset = static_cast<std::uint64_t>(payload.data() - segment->place);
    return {{.offset = offset, .size = payload.size()}, segment->descriptor(), payload, {}};
  }
  Passing passing;
  passing.told.size = payload.size();
  const auto keep = [&](detail::StorageElsewhere* storage) {
    passing.descriptor = static_cast<Segment*>(storage)->descriptor();
    passing.memory = Bytes::in(storage, 0, payload.size());
  };
  if (detail::StorageElsewhere* const used = Segment::used_before(payload.size())) {
    std::memcpy(used->place, payload.data(), payload.size());
    keep(used);
    return passing;
  }
  if (detail::StorageElsewhere* const fresh = Segment::few() ? Segment::make(payload.size()) : nullptr) {
    keep(fresh);
  } else {
    passing.copied = create();
    passing.descriptor = passing.copied.get();
    if (passing.descriptor < 0) fail("passing", payload.size());
  }
  // Cheaper than to touch the pages of a fresh mapping.
  for (std::span<const std::byte> left = payload.span(); !left.empty();) {
    const ssize_t written = ::write(passing.descriptor, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("passing", payload.size());
    left = left.subspan(static_cast<std::size_t>(written));
  }
  return passing;
}

}  // namespace crema::process
