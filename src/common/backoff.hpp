#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

namespace crema {

/// How long an event loop that found nothing to do should sleep: not at all for a short while (a reply is likely under
/// way), then twice as long each time up to about a millisecond, so that an idle rank costs next to no CPU.
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;

  /// `spin`: how long to go without sleeping.
  explicit Backoff(std::chrono::microseconds spin) : spin_{spin} {}

  /// Something was done.
  void reset() { idle_ = false; }
  /// Nothing was done. Zero: look again at once.
  std::chrono::microseconds next() {
    const Clock::time_point now = Clock::now();
    if (!idle_) {
      idle_ = true;
      idle_since_ = now;
      sleep_ = shortest;
    }
    if (now - idle_since_ < spin_) return std::chrono::microseconds{0};
    return std::exchange(sleep_, std::min(sleep_ * 2, longest));
  }

 private:
  static constexpr std::chrono::microseconds shortest{25};
  static constexpr std::chrono::microseconds longest{1000};

  std::chrono::microseconds spin_;
  std::chrono::microseconds sleep_{shortest};
  bool idle_ = false;
  Clock::time_point idle_since_{};
};

}  // namespace crema
