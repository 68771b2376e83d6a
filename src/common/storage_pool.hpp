#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <vector>

#include "crema/bytes.hpp"

namespace crema {

/// Storage of large buffers that has been let go, for those that come next: to touch fresh pages takes longer than to
/// write into used ones. Of one process. Thread-safe.
class StoragePool {
 public:
  using Clock = std::chrono::steady_clock;
  /// What finds no use for so long is not what comes next.
  static constexpr std::chrono::seconds patience{1};
  /// Smaller storage goes back to the heap, which has its own ways of using it again.
  static constexpr std::size_t smallest = 256 << 10;
  static StoragePool& of_process();

  /// Keeps no more than so many bytes; 0, as at the beginning: none.
  void keep_at_most(std::size_t bytes);
  /// What storage of at least so many bytes should hold, so that it serves others of about that size: up to an eighth
  /// more.
  static std::size_t rounded(std::size_t capacity) noexcept;
  /// Storage of exactly this capacity, with one reference, on the heap or elsewhere; nullptr: there is none.
  detail::ByteStorage* take(std::size_t capacity, bool elsewhere = false) noexcept;
  /// False: it is not kept, and still the caller's.
  bool keep(detail::ByteStorage* storage) noexcept;
  /// Frees the oldest where it has found no use for `patience`: one, as that takes time. For event loops, each turn.
  void free_unused(Clock::time_point now) noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept;

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
