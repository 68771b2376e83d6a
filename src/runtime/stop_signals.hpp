#pragma once

#include <atomic>

namespace crema::runtime {

/// While one lives, SIGUSR1, SIGTERM and SIGINT do not end the process but are kept for its event loop to see. A second
/// SIGINT ends it at once. One at a time in a process.
class StopSignals {
 public:
  StopSignals();
  /// What the signals did before holds again.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The last one caught; 0: none. SIGUSR1 does not hide the others, which leave less time.
  [[nodiscard]] static const std::atomic<int>& caught();
};

}  // namespace crema::runtime
