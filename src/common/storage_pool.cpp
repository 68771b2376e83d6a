#include "common/storage_pool.hpp"

#include <algorithm>
#include <bit>

namespace crema {

StoragePool& StoragePool::of_process() {
  // Values may end after everything else has.
  static auto& pool = *new StoragePool;
  return pool;
}

void StoragePool::keep_at_most(std::size_t bytes) {
  const std::lock_guard lock{mutex_};
  most_ = bytes;
  free_until(most_);
  kept_.reserve(most_ / smallest);  // keep() never throws
}

std::size_t StoragePool::rounded(std::size_t capacity) noexcept {
  const std::size_t step = std::bit_floor(capacity) / 8;
  return (capacity + step - 1) / step * step;
}

detail::ByteStorage* StoragePool::take(std::size_t capacity) noexcept {
  const std::lock_guard lock{mutex_};
  const auto place =
      std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& kept) { return kept.storage->capacity == capacity; });
  if (place == kept_.rend()) return nullptr;
  detail::ByteStorage* const found = place->storage;
  kept_.erase(std::next(place).base());
  bytes_ -= capacity;
  found->references.store(1, std::memory_order_relaxed);
  return found;
}

bool StoragePool::keep(detail::ByteStorage* storage) noexcept {
  const std::lock_guard lock{mutex_};
  if (storage->capacity > most_) return false;
  free_until(most_ - storage->capacity);
  kept_.push_back({storage, Clock::now()});
  bytes_ += storage->capacity;
  return true;
}

void StoragePool::free_unused(Clock::time_point now) noexcept {
  detail::ByteStorage* unused = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (kept_.empty() || now - kept_.front().since <= patience) return;
    unused = kept_.front().storage;
    bytes_ -= unused->capacity;
    kept_.erase(kept_.begin());
  }
  detail::ByteStorage::free(unused);
}

std::size_t StoragePool::bytes() const noexcept {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

/// The oldest have found no use for longest.
void StoragePool::free_until(std::size_t bytes) noexcept {
  auto oldest = kept_.begin();
  for (; bytes_ > bytes; ++oldest) {
    bytes_ -= oldest->storage->capacity;
    detail::ByteStorage::free(oldest->storage);
  }
  kept_.erase(kept_.begin(), oldest);
}

}  // namespace crema
