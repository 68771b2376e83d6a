#pragma once

#include <cstdint>
#include <string>

#include "crema/ids.hpp"

namespace crema {

/// The task, actor call or driver that the calling code belongs to.
class ThisTask {
 public:
  /// Zero on the driver.
  [[nodiscard]] TaskId id() const;
  /// Counts from 0.
  [[nodiscard]] std::uint32_t attempt() const;
  [[nodiscard]] RankId rank() const;
  [[nodiscard]] const std::string& host() const;
  /// Whether somebody has cancelled this task: its result is of no use any more. Cheap enough for an inner loop.
  [[nodiscard]] bool cancelled() const;
};

/// Throws UsageError outside the driver, tasks and actors.
ThisTask this_task();

}  // namespace crema
