#include "process/arena.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>

#include "crema/errors.hpp"
#include "process/pages.hpp"

namespace crema::process {
namespace {

/// Of a level: with less not even what a few tasks pass finds a slot.
constexpr std::size_t least_span = 1 << 20;

std::size_t limit_of(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::size_t>::max();
  return limit.rlim_cur;
}

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw Error{what + ": " + why +
              "; raise the limits of address space and files (ulimit -v, ulimit -f) or run with --isolation none"};
}

}  // namespace

Arena& Arena::of_process() {
  // Values may end after everything else has.
  static auto& arena = *[] {
    errno = ENOMEM;
    for (std::size_t span = affordable_span(); span >= least_span; span /= 2) {
      std::unique_ptr<Arena> made{new Arena{span}};
      if (made->writing_ != nullptr) return made.release();
    }
    fail("making the memory that a rank shares with its lanes", std::strerror(errno));
  }();
  return arena;
}

/// Of each level: twice what the host can hold, as slots are larger than what is in them. Of limited address space, in
/// which a lane has two views, half is for other things, and to make a file larger than its limit would end the
/// process.
std::size_t Arena::affordable_span() {
  const std::size_t host = page * static_cast<std::size_t>(std::max(::sysconf(_SC_PHYS_PAGES), 1L));
  const std::size_t most = std::min(limit_of(RLIMIT_AS) / 4, limit_of(RLIMIT_FSIZE) / 2) / levels;
  return std::min({std::bit_ceil(2 * host), std::bit_floor(most), std::size_t{2} << 40U});
}

Arena::Arena(std::size_t span) {
  std::size_t slots = 0;
  std::size_t words = 0;
  for (std::size_t i = 0; i < levels; ++i) {
    levels_[i] = {.count = span / size_at(i), .first = slots, .first_word = words, .place = i * span};
    slots += levels_[i].count;
    words += (levels_[i].count + word_bits - 1) / word_bits;
  }
  size_ = levels * span;
  const std::size_t states = 256;
  static_assert(sizeof(Shared) <= states);
  const std::size_t since = states + slots * sizeof(State);
  const std::size_t bits = since + slots * sizeof(*since_);
  shared_size_ = whole_pages(bits + 2 * words * sizeof(*kept_bits_), large_page);

  memory_ = Descriptor{::memfd_create("crema-payloads", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (memory_.get() < 0 || ::ftruncate(memory_.get(), static_cast<off_t>(shared_size_ + size_)) != 0) return;
  // Who maps it must not find less than there was.
  ::fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK);
  void* const shared = ::mmap(nullptr, shared_size_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (shared == MAP_FAILED) return;
  auto* const bytes = static_cast<std::byte*>(shared);
  shared_ = ::new (shared) Shared;
  // Zeros are all that lies behind it.
  states_ = reinterpret_cast<State*>(bytes + states);
  since_ = reinterpret_cast<std::atomic<std::int64_t>*>(bytes + since);
  kept_bits_ = reinterpret_cast<std::atomic<std::uint64_t>*>(bytes + bits);
  empty_bits_ = kept_bits_ + words;
  std::byte* const view = map_view(PROT_READ | PROT_WRITE);
  // A lane needs another.
  std::byte* const second = view == nullptr ? nullptr : map_view(PROT_READ);
  if (second == nullptr) {
    if (view != nullptr) ::munmap(view, size_);
    ::munmap(shared, shared_size_);
    return;
  }
  ::munmap(second, size_);
  writing_ = reading_ = view;
}

/// Begins with a large page, as the slots do in the file, or there could be none.
std::byte* Arena::map_view(int protection) const noexcept {
  void* const reserved =
      ::mmap(nullptr, size_ + large_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(reserved);
  const auto address = reinterpret_cast<std::uintptr_t>(reserved);
  const std::size_t before = whole_pages(address, large_page) - address;
  void* const view = ::mmap(begin + before, size_, protection, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memory_.get(),
                            static_cast<off_t>(shared_size_));
  if (view == MAP_FAILED) {
    const int error = errno;
    ::munmap(reserved, size_ + large_page);
    errno = error;
    return nullptr;
  }
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + size_, large_page - before);
  // A core would take as long as it takes to look at all of the address space.
  ::madvise(view, size_, MADV_DONTDUMP);
  return static_cast<std::byte*>(view);
}

Arena::Owner Arena::name_lane() noexcept {
  return Owner{static_cast<std::uint32_t>(Owner::rank) + 1 + shared_->lanes.fetch_add(1)};
}

void Arena::become_lane(Owner lane) {
  self_ = lane;
  reading_ = map_view(PROT_READ);
  // Each slot that it fills is made writable.
  if (reading_ == nullptr || ::mprotect(writing_, size_, PROT_NONE) != 0)
    fail("mapping the memory that a lane shares with its rank", std::strerror(errno));
}

void Arena::let_lanes_map(std::size_t bytes) noexcept { shared_->lanes_map.store(bytes); }

std::size_t Arena::level_of(std::uint32_t slot) const noexcept {
  std::size_t level = levels - 1;
  while (slot < levels_[level].first) --level;
  return level;
}

std::size_t Arena::place(std::uint32_t slot) const noexcept {
  const std::size_t level = level_of(slot);
  return levels_[level].place + (slot - levels_[level].first) * size_at(level);
}

std::size_t Arena::size_of(std::uint32_t slot) const noexcept {
  const Level& last = levels_.back();
  return slot < last.first + last.count ? size_at(level_of(slot)) : 0;
}

void Arena::unmap(std::byte* view, std::uint32_t slot) const noexcept {
  if (view == writing_) ::mprotect(view + place(slot), size_of(slot), PROT_NONE);
  ::madvise(view + place(slot), size_of(slot), MADV_DONTNEED);
}

std::byte* Arena::begin_writing(std::uint32_t slot, std::size_t bytes) noexcept try {
  std::byte* const begin = writing_ + place(slot);
  if (self_ == Owner::rank) return begin;
  const bool writable = mapped_to_write_.use(
      slot, bytes, shared_->lanes_map.load(std::memory_order_relaxed),
      [&] { return ::mprotect(begin, size_of(slot), PROT_READ | PROT_WRITE) == 0; },
      [&](std::uint32_t other) { unmap(writing_, other); });
  return writable ? begin : nullptr;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void Arena::write_up_to(std::uint32_t slot, std::size_t bytes) noexcept {
  if (self_ == Owner::rank) return;
  mapped_to_write_.grow(slot, bytes, shared_->lanes_map.load(std::memory_order_relaxed),
                        [&](std::uint32_t other) { unmap(writing_, other); });
}

void Arena::end_writing(std::uint32_t slot) noexcept {
  if (self_ != Owner::rank) mapped_to_write_.let_go(slot);
}

void Arena::seal(std::uint32_t slot) noexcept {
  ::mprotect(writing_ + place(slot), size_of(slot), PROT_READ);
  mapped_to_write_.forget(slot);
}

void Arena::unseal(std::uint32_t slot) noexcept {
  if (self_ != Owner::rank) return unmap(writing_, slot);
  ::mprotect(writing_ + place(slot), size_of(slot), PROT_READ | PROT_WRITE);
}

const std::byte* Arena::begin_reading(std::uint32_t slot, std::size_t bytes) noexcept try {
  const std::byte* const begin = reading_ + place(slot);
  if (self_ == Owner::rank) return begin;
  mapped_to_read_.use(
      slot, bytes, shared_->lanes_map.load(std::memory_order_relaxed), [] { return true; },
      [&](std::uint32_t other) { unmap(reading_, other); });
  return begin;
} catch (const std::bad_alloc&) {
  return reading_ + place(slot);  // it is mapped all the same, and not counted
}

void Arena::end_reading(std::uint32_t slot) noexcept {
  if (self_ != Owner::rank) mapped_to_read_.let_go(slot);
}

/// False: errno says why not. By parts, as of those who write to a file or give back its pages one is let at a time.
bool Arena::write(std::uint64_t place, std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t most = 1 << 20;
  while (!bytes.empty()) {
    const ssize_t part = ::pwrite(memory_.get(), bytes.data(), std::min(bytes.size(), most), static_cast<off_t>(place));
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) return false;
    place += static_cast<std::size_t>(part);
    bytes = bytes.subspan(static_cast<std::size_t>(part));
  }
  return true;
}

void Arena::add_large_pages(Slot& slot, std::size_t bytes) noexcept {
  const std::size_t size = in_large_pages(bytes);
  if (slot.used > 0 || size == 0) return;
  // Linux makes none where nothing is yet.
  const std::size_t begin = shared_size_ + place(slot.number);
  for (std::size_t at = begin; at < begin + size; at += large_page)
    if (::pwrite(memory_.get(), "", 1, static_cast<off_t>(at)) != 1) return forget_pages(slot.number, 0);
  // Since 6.1, whatever the administrator has said of shared memory; what is only touched goes by that, which usually
  // is no.
  constexpr int collapse = 25;  // MADV_COLLAPSE; the C library names it since 2.37
  if (::madvise(writing_ + place(slot.number), size, collapse) == 0) {
    slot.used = size;
  } else {
    forget_pages(slot.number, 0);
  }
}

void Arena::fill(const Slot& slot, std::span<const std::byte> bytes) {
  const std::size_t there = std::min(slot.used, bytes.size());
  std::memcpy(writing_ + place(slot.number), bytes.data(), there);
  if (!write(shared_size_ + place(slot.number) + there, bytes.subspan(there)))
    fail("passing " + std::to_string(bytes.size()) + " bytes between a rank and its lane", std::strerror(errno));
}

namespace {

/// Of Shared::unmapped.
constexpr std::uint64_t one_unmapped = std::uint64_t{1} << 40U;
constexpr std::uint64_t unmapped_pages(std::uint64_t all) { return all % one_unmapped; }

}  // namespace

std::uint64_t Arena::put_unmapped(std::span<const std::byte> bytes) {
  const std::uint64_t pages = whole_pages(bytes.size()) / page;
  std::uint64_t before = shared_->unmapped.load();
  while (!shared_->unmapped.compare_exchange_weak(before, before + one_unmapped + pages)) {
  }
  const std::uint64_t place = shared_size_ + size_ + unmapped_pages(before) * page;
  // To write behind the limit would end the process.
  if (limit_of(RLIMIT_FSIZE) < place + bytes.size()) {
    errno = EFBIG;
  } else if (write(place, bytes)) {
    return place;
  }
  const int error = errno;
  end_unmapped(place, bytes.size());
  fail("passing " + std::to_string(bytes.size()) + " bytes between a rank and its lane, for which no slot is left",
       std::strerror(error));
}

Bytes Arena::take_unmapped(std::uint64_t place, std::size_t size) {
  // The other process may have damaged what it tells.
  const std::uint64_t before = shared_->unmapped.load();
  const std::uint64_t begin = shared_size_ + size_;
  const std::uint64_t end = begin + unmapped_pages(before) * page;
  if (before < one_unmapped || place < begin || place % page != 0 || size > end || place > end - size) {
    throw Error{"taking " + std::to_string(size) + " bytes that a rank and its lane pass: they are said to be at " +
                std::to_string(place) + " of " + std::to_string(end) + "; the memory that says so was overwritten"};
  }
  ByteBuffer bytes{size};
  std::byte* const to = bytes.extend(size);
  for (std::size_t done = 0; done < size;) {
    const ssize_t part = ::pread(memory_.get(), to + done, size - done, static_cast<off_t>(place + done));
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) {
      throw Error{"taking " + std::to_string(size) +
                  " bytes that a rank and its lane pass: " + (part == 0 ? "they are not there" : std::strerror(errno))};
    }
    done += static_cast<std::size_t>(part);
  }
  end_unmapped(place, size);
  return Bytes{std::move(bytes)};
}

void Arena::end_unmapped(std::uint64_t place, std::size_t size) noexcept {
  ::fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(place),
              static_cast<off_t>(whole_pages(size)));
  // When none is left, the next begins where the first did.
  std::uint64_t before = shared_->unmapped.load();
  while (!shared_->unmapped.compare_exchange_weak(before, before < 2 * one_unmapped ? 0 : before - one_unmapped)) {
  }
}

}  // namespace crema::process
