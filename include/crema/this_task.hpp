#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
  /// The devices it was given, as CUDA_VISIBLE_DEVICES names them; none unless it asked for gpus. Where a rank runs
  /// several tasks at a time (--lanes) these are threads of one process: use this rather than the variable.
  [[nodiscard]] const std::vector<std::string>& gpus() const;
  [[nodiscard]] const std::string& host() const;
  /// Whether somebody has cancelled this task: its result is of no use any more. Cheap enough for an inner loop.
  [[nodiscard]] bool cancelled() const;
  /// Whether the job stops early (a signal, or its time limit is near), so that this task should return soon. What a
  /// task returns that has seen this true counts as unfinished and reaches nobody; a driver that has seen it true ends
  /// the job as interrupted (exit code 75). As cheap as cancelled.
  [[nodiscard]] bool stopping() const;
};

/// Throws UsageError outside the driver, tasks and actors.
ThisTask this_task();

}  // namespace crema
