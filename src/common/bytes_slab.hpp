#pragma once

#include <cstring>
#include <utility>

#include "crema/bytes.hpp"

namespace crema {

/// Makes many small Bytes that go in about the order in which they came: they lie one behind the other in blocks that
/// end with the last of theirs, so that one costs neither an allocation nor, here, an atomic operation.
/// Thread safety: one thread makes; what it made may go on any thread.
class BytesSlab {
 public:
  /// A block of so many bytes is the most that one small piece can keep alive.
  static constexpr std::size_t block_size = 8 << 10;
  /// Larger ones get storage of their own.
  static constexpr std::size_t largest_piece = block_size / 8;

  BytesSlab() = default;
  BytesSlab(BytesSlab&& other) noexcept
      : block_{std::exchange(other.block_, nullptr)}, used_{other.used_}, unissued_{other.unissued_} {}
  BytesSlab& operator=(BytesSlab other) noexcept {
    std::swap(block_, other.block_);
    std::swap(used_, other.used_);
    std::swap(unissued_, other.unissued_);
    return *this;
  }
  ~BytesSlab() { retire(); }

  /// The same bytes, as Bytes::compact has them.
  Bytes compact(const Bytes& bytes) { return bytes.size() > largest_piece ? bytes.compact() : copy_of(bytes.span()); }
  /// `write` is given the place of `size` bytes, and fills them.
  template <class Write>
  Bytes make(std::size_t size, Write&& write) {
    if (size == 0) return {};
    if (size > largest_piece) {
      ByteBuffer alone{size};
      write(alone.extend(size));
      return Bytes{std::move(alone)};
    }
    if (block_ == nullptr || size > block_size - used_) renew();
    std::byte* place = block_->bytes() + used_;
    write(place);
    used_ += size;
    --unissued_;
    return {block_, place, size};
  }
  Bytes copy_of(std::span<const std::byte> bytes) {
    return make(bytes.size(), [bytes](std::byte* place) { std::memcpy(place, bytes.data(), bytes.size()); });
  }

 private:
  void renew() {
    retire();
    block_ = detail::ByteStorage::make(block_size);
    used_ = 0;
    // All that the block can ever give out, and one for the slab.
    unissued_ = block_size;
    block_->references.store(unissued_ + 1, std::memory_order_relaxed);
  }
  void retire() noexcept {
    if (block_ == nullptr) return;
    block_->references.fetch_sub(unissued_, std::memory_order_relaxed);
    detail::ByteStorage::drop(std::exchange(block_, nullptr));
  }

  detail::ByteStorage* block_ = nullptr;
  std::size_t used_ = 0;
  std::uint32_t unissued_ = 0;  // references that nobody was given yet
};

}  // namespace crema
