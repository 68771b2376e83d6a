#include "crema/bytes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "crema/errors.hpp"

namespace crema {
namespace {

/// From this size on the first touch of each 4 KiB page costs more than copying what comes into it.
constexpr std::size_t large_buffer = 8 << 20;

/// Without effect where the system has none.
void ask_for_large_pages(void* place, std::size_t size) {
  constexpr std::uintptr_t page = 4096;
  const auto begin = (reinterpret_cast<std::uintptr_t>(place) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(place) + size) / page * page;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace

struct alignas(16) Bytes::Storage {
  std::atomic<std::size_t> references{1};
  std::size_t capacity = 0;

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

  static void drop(Storage* storage) noexcept {
    if (storage != nullptr && storage->references.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(storage);
  }
};

Bytes::Bytes(ByteBuffer&& buffer) noexcept
    : storage_{std::exchange(buffer.storage_, nullptr)},
      data_{storage_ == nullptr ? nullptr : storage_->bytes()},
      size_{std::exchange(buffer.size_, 0)} {
  buffer.data_ = nullptr;
  buffer.capacity_ = 0;
}

Bytes::Bytes(const Bytes& other) noexcept : storage_{other.storage_}, data_{other.data_}, size_{other.size_} {
  if (storage_ != nullptr) storage_->references.fetch_add(1, std::memory_order_relaxed);
}

Bytes::Bytes(Bytes&& other) noexcept
    : storage_{std::exchange(other.storage_, nullptr)},
      data_{std::exchange(other.data_, nullptr)},
      size_{std::exchange(other.size_, 0)} {}

Bytes& Bytes::operator=(Bytes other) noexcept {
  std::swap(storage_, other.storage_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Bytes::~Bytes() { Storage::drop(storage_); }

Bytes Bytes::copy_of(std::span<const std::byte> data) {
  ByteBuffer buffer{data.size()};
  buffer.append(data);
  return Bytes{std::move(buffer)};
}

Bytes Bytes::slice(std::size_t offset, std::size_t size) const noexcept {
  Bytes part = *this;
  part.data_ += offset;
  part.size_ = size;
  return part;
}

Bytes Bytes::compact() const {
  if (storage_ == nullptr || storage_->capacity <= 2 * size_) return *this;
  return copy_of(span());
}

bool Bytes::shared() const noexcept {
  return storage_ != nullptr && storage_->references.load(std::memory_order_acquire) > 1;
}

ByteBuffer::ByteBuffer(ByteBuffer&& other) noexcept
    : storage_{std::exchange(other.storage_, nullptr)},
      data_{std::exchange(other.data_, nullptr)},
      size_{std::exchange(other.size_, 0)},
      capacity_{std::exchange(other.capacity_, 0)} {}

ByteBuffer& ByteBuffer::operator=(ByteBuffer&& other) noexcept {
  std::swap(storage_, other.storage_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

ByteBuffer::~ByteBuffer() { Bytes::Storage::drop(storage_); }

void ByteBuffer::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  // realloc moves pages instead of copying them where a buffer is large.
  void* place = std::realloc(storage_, sizeof(Bytes::Storage) + capacity);
  if (place == nullptr) throw std::bad_alloc{};
  if (capacity >= large_buffer) ask_for_large_pages(place, capacity);
  storage_ = ::new (place) Bytes::Storage;
  storage_->capacity = capacity;
  data_ = storage_->bytes();
  capacity_ = capacity;
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
