#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "common/freed_memory.hpp"
#include "crema/bytes.hpp"

namespace crema {

/// Storage of large buffers on the heap, of one process. Thread-safe.
class StoragePool final : public FreedMemory {
 public:
  /// Smaller storage goes back to the heap, which has its own ways of using it again.
  static constexpr std::size_t smallest = 256 << 10;
  static StoragePool& of_process();

  void keep_at_most(std::size_t bytes) override;
  void free_unused(Clock::time_point now) noexcept override;
  [[nodiscard]] std::size_t bytes() const noexcept override;

  /// What storage of at least so many bytes should hold, so that it serves others of about that size: up to an eighth
  /// more.
  static std::size_t rounded(std::size_t capacity) noexcept;
  /// Storage of exactly this capacity, with one reference; nullptr: there is none.
  detail::ByteStorage* take(std::size_t capacity) noexcept;
  /// False: it is not kept, and still the caller's.
  bool keep(detail::ByteStorage* storage) noexcept;

 private:
  struct Kept {
    detail::ByteStorage* storage;
    Clock::time_point since;
  };
  void free_until(std::size_t bytes) noexcept;

  mutable std::mutex mutex_;  // guards all below
  std::size_t most_ = 0;
  std::size_t bytes_ = 0;
  std::vector<Kept> kept_;  // the last is the youngest
};

}  // namespace crema
