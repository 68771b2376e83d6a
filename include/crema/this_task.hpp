#pragma once

#include <cstdint>
#include <string>

#include "crema/ids.hpp"
#include "crema/random.hpp"

namespace crema {

/// The task, actor call or driver that the calling code belongs to.
class ThisTask {
 public:
  /// Zero on the driver.
  [[nodiscard]] TaskId id() const;
  /// The same in every run of the program, on any number of ranks; all zero on the driver.
  [[nodiscard]] TaskKey key() const;
  /// Counts from 0.
  [[nodiscard]] std::uint32_t attempt() const;
  /// Random numbers that follow from --seed and key() alone: the same on any number of ranks, in a retry and after a
  /// resume. One stream for the whole task: a second call goes on where the first stopped. Used on the task's thread.
  [[nodiscard]] Random& rng() const;
  /// Further streams, one for each k, from their beginning; independent of each other and of rng().
  [[nodiscard]] Random rng(std::uint64_t k) const;
  [[nodiscard]] RankId rank() const;
  [[nodiscard]] const std::string& host() const;
  /// Whether somebody has cancelled this task: its result is of no use any more. Cheap enough for an inner loop.
  [[nodiscard]] bool cancelled() const;
};

/// Throws UsageError outside the driver, tasks and actors.
ThisTask this_task();

}  // namespace crema
