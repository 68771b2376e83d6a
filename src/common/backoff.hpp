#pragma once

#include <algorithm>
#include <chrono>

namespace crema {

/// How long an event loop that found nothing to do should sleep: not at all for a short while (a reply is likely under
/// way), then an eighth of the time it has been idle, up to 1.8 ms: an idle rank costs less than 2 % of a core so, and
/// is awake within 2 ms of a message.
///
/// The fraction matters where two ranks answer each other: a message is found late by at most an eighth of the wait for
/// it, so the delays shrink with every exchange until both ranks are quick again. Sleeps that add up to the wait itself
/// (doubling ones) keep both slow for ever.
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;

  /// `spin`: how long to go without sleeping.
  explicit Backoff(std::chrono::microseconds spin) : spin_{spin} {}

  /// Something was done.
  void reset() { idle_ = false; }
  /// Nothing was done by this time. Zero: look again at once.
  std::chrono::microseconds next(Clock::time_point now) {
    if (!idle_) {
      idle_ = true;
      idle_since_ = now;
    }
    const auto idle = std::chrono::duration_cast<std::chrono::microseconds>(now - idle_since_);
    return idle < spin_ ? std::chrono::microseconds{0} : std::min(idle / 8, longest);
  }

 private:
  static constexpr std::chrono::microseconds longest{1800};

  std::chrono::microseconds spin_;
  bool idle_ = false;
  Clock::time_point idle_since_{};
};

}  // namespace crema
