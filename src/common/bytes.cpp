#include "crema/bytes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#include "common/storage_pool.hpp"
#include "crema/errors.hpp"
#include "crema/large_pages.hpp"

namespace crema {
namespace {

/// More than a process can address: such a size has been computed wrongly, and is not to wrap around when a little is
/// added.
constexpr std::size_t most_bytes = std::size_t{1} << 47U;

/// What of this memory could be large pages.
std::span<std::byte> large_pages_in(void* place, std::size_t size) {
  using detail::large_page;
  const std::size_t before = (large_page - reinterpret_cast<std::uintptr_t>(place) % large_page) % large_page;
  if (size < before) return {};
  return {static_cast<std::byte*>(place) + before, (size - before) / large_page * large_page};
}

std::atomic<std::size_t> elsewhere_from{~std::size_t{0}};
std::atomic<detail::MakeStorage> make_elsewhere{nullptr};

}  // namespace

void detail::ask_for_large_pages(void* place, std::size_t size) noexcept {
  const std::span<std::byte> pages = large_pages_in(place, size);
  ::madvise(pages.data(), pages.size(), MADV_HUGEPAGE);
}

void detail::replace_by_large_pages(void* place, std::size_t size) noexcept {
  const std::span<std::byte> pages = large_pages_in(place, size);
  if (::madvise(pages.data(), pages.size(), MADV_HUGEPAGE) == 0) ::madvise(pages.data(), pages.size(), MADV_DONTNEED);
}

void detail::use_for_large_buffers(std::size_t from, MakeStorage make) noexcept {
  make_elsewhere.store(make);
  elsewhere_from.store(make == nullptr ? ~std::size_t{0} : from);
}

void detail::ByteStorage::end(ByteStorage* storage) noexcept {
  const bool is_large = storage->capacity >= StoragePool::smallest && !storage->elsewhere;
  if (!is_large || !StoragePool::of_process().keep(storage)) free(storage);
}

void detail::ByteStorage::free(ByteStorage* storage) noexcept {
  if (storage->elsewhere) return delete static_cast<StorageElsewhere*>(storage);
  std::free(storage);
}

detail::ByteStorage* detail::ByteStorage::make(std::size_t capacity) { return enlarge(nullptr, capacity); }

detail::ByteStorage* detail::ByteStorage::enlarge(ByteStorage* storage, std::size_t capacity) {
  if (capacity > most_bytes) throw std::bad_alloc{};
  if (capacity >= StoragePool::smallest) {
    capacity = StoragePool::rounded(capacity);
    if (storage == nullptr)
      if (ByteStorage* const used = StoragePool::of_process().take(capacity)) return used;
  }
  // realloc moves pages instead of copying them where a buffer is large.
  void* place = std::realloc(storage, sizeof(ByteStorage) + capacity);
  if (place == nullptr) throw std::bad_alloc{};
  if (capacity >= smallest_for_large_pages) ask_for_large_pages(place, capacity);
  storage = ::new (place) ByteStorage;
  storage->capacity = capacity;
  return storage;
}

Bytes Bytes::copy_of(std::span<const std::byte> data) {
  ByteBuffer buffer{data.size()};
  buffer.append(data);
  return Bytes{std::move(buffer)};
}

Bytes Bytes::compact() const {
  if (storage_ == nullptr || storage_->capacity <= 2 * size_) return *this;
  return copy_of(span());
}

bool Bytes::shared() const noexcept {
  return storage_ != nullptr && storage_->references.load(std::memory_order_acquire) > 1;
}

void ByteBuffer::reserve(std::size_t capacity) {
  if (capacity <= capacity_ || reserve_elsewhere(capacity)) return;
  storage_ = detail::ByteStorage::enlarge(storage_, capacity);
  data_ = storage_->bytes();
  capacity_ = storage_->capacity;
}

bool ByteBuffer::reserve_elsewhere(std::size_t capacity) {
  auto* present =
      storage_ != nullptr && storage_->elsewhere ? static_cast<detail::StorageElsewhere*>(storage_) : nullptr;
  if (present != nullptr && present->grow(capacity)) {
    data_ = present->place;
    capacity_ = present->capacity;
    return true;
  }
  detail::StorageElsewhere* next = nullptr;
  if (capacity >= elsewhere_from.load(std::memory_order_relaxed)) {
    if (const detail::MakeStorage make = make_elsewhere.load()) next = make(capacity);
  }
  if (next == nullptr && present == nullptr) return false;
  if (next == nullptr) {
    // What cannot be realloc'ed goes to the heap by hand.
    ByteBuffer heap;
    heap.storage_ = detail::ByteStorage::make(capacity);
    heap.data_ = heap.storage_->bytes();
    heap.capacity_ = heap.storage_->capacity;
    heap.append(span());
    *this = std::move(heap);
    return true;
  }
  if (size_ > 0) std::memcpy(next->place, data_, size_);
  detail::ByteStorage::drop(storage_);
  storage_ = next;
  data_ = next->place;
  capacity_ = next->capacity;
  return true;
}

void ByteBuffer::grow(std::size_t needed) { reserve(std::max({needed, capacity_ + capacity_ / 2, std::size_t{64}})); }

Bytes ByteReader::get_bytes(std::size_t size) {
  take(size);
  return bytes_.slice(position_ - size, size);
}

void ByteReader::append(Bytes part) {
  size_behind_ += part.size();
  parts_.push_back(std::move(part));
}

void ByteReader::enter_part() {
  while (position_ == bytes_.size() && next_part_ < parts_.size()) {
    bytes_ = std::move(parts_[next_part_++]);
    size_behind_ -= bytes_.size();
    position_ = 0;
  }
}

void ByteReader::next_part(std::size_t wanted) {
  enter_part();
  if (wanted > bytes_.size() - position_) truncated(wanted);
}

void ByteReader::copy_to(void* place, std::size_t size) {
  if (size > remaining()) truncated(size);
  for (auto* to = static_cast<std::byte*>(place); size > 0;) {
    enter_part();
    const std::size_t part = std::min(size, bytes_.size() - position_);
    std::memcpy(to, bytes_.data() + position_, part);
    position_ += part;
    to += part;
    size -= part;
  }
}

std::string_view ByteReader::get_text() {
  const auto size = get<std::uint64_t>();
  return {reinterpret_cast<const char*>(take(size)), size};
}

void ByteReader::truncated(std::size_t wanted) const {
  throw Error{"reading a message: " + std::to_string(wanted) + " bytes were expected at offset " +
              std::to_string(position_) + " of " + std::to_string(bytes_.size()) +
              "; the message is damaged or the ranks run different programs"};
}

}  // namespace crema
