#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "lane/lane.hpp"

namespace crema::runtime {

/// The queue from a rank's lanes to its event loop, and what the loop sleeps on.
class LaneInbox final : public lane::Inbox {
 public:
  /// A lane that posts while this many frames wait is held until the loop has taken them. The loop never waits for a
  /// lane.
  static constexpr std::size_t max_waiting = 16'384;

  void post(wire::Frame frame, bool wake) override;
  void wake() override;

  /// Loop only: swaps what was posted into `frames`, which must be empty.
  void take(std::vector<wire::Frame>& frames);
  /// Loop only: sleeps until woken or for this long.
  void sleep(std::chrono::microseconds longest);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable taken_;
  // Guarded by mutex_.
  std::vector<wire::Frame> waiting_;
  bool asleep_ = false;
  bool woken_ = false;
  std::size_t held_ = 0;
};

}  // namespace crema::runtime
