#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace crema::process {

/// Slots of what is its rank's (Segment), lent to a lane or made by it, that the lane does not read any more and has
/// not told of. Thread-safe.
class EndedLoans {
 public:
  /// `tell` is called after each end, on the thread that let go of the last bytes, and must not throw.
  explicit EndedLoans(std::function<void()> tell) : tell_{std::move(tell)} {}

  /// One more is lent, whose end will be added.
  void expect_one() {
    const std::lock_guard lock{mutex_};
    loans_.reserve(loans_.size() + ++expected_);
  }
  void add(std::uint64_t loan) noexcept {
    {
      const std::lock_guard lock{mutex_};
      loans_.push_back(loan);  // there is room for all that are expected
      --expected_;
      any_.store(true, std::memory_order_relaxed);
    }
    tell_();
  }
  /// Moves as many as there are and as fit to `place`; returns how many.
  std::size_t take(std::span<std::uint64_t> place) noexcept {
    const std::lock_guard lock{mutex_};
    const std::size_t count = std::min(place.size(), loans_.size());
    std::copy_n(loans_.end() - static_cast<std::ptrdiff_t>(count), count, place.begin());
    loans_.resize(loans_.size() - count);
    any_.store(!loans_.empty(), std::memory_order_relaxed);
    return count;
  }
  /// What another thread adds meanwhile may be missed.
  [[nodiscard]] bool any() const noexcept { return any_.load(std::memory_order_relaxed); }

 private:
  const std::function<void()> tell_;
  std::mutex mutex_;
  std::atomic<bool> any_{false};
  std::size_t expected_ = 0;
  std::vector<std::uint64_t> loans_;  // no more than the lane reads
};

}  // namespace crema::process
