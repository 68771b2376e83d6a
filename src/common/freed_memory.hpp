#pragma once

#include <chrono>
#include <cstddef>

namespace crema {

/// Memory that has been let go and is kept for what comes next: to touch fresh pages takes longer than to write into
/// used ones.
class FreedMemory {
 public:
  using Clock = std::chrono::steady_clock;
  /// What finds no use for so long is not what comes next.
  static constexpr std::chrono::seconds patience{1};

  /// Keeps no more than so many bytes; 0, as at the beginning: none.
  virtual void keep_at_most(std::size_t bytes) = 0;
  /// Frees the oldest where it has found no use for `patience`: one, as that takes time. For event loops, each turn.
  virtual void free_unused(Clock::time_point now) noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;

 protected:
  ~FreedMemory() = default;
};

}  // namespace crema
