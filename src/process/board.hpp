#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "crema/ids.hpp"
#include "process/futex.hpp"

namespace crema::process {

/// What a rank's event loop sleeps on. Lies in memory that the rank shares with its lanes.
/// Thread safety: any thread of any process, except where it says otherwise.
class Doorbell {
 public:
  void ring() {
    if (rung_.exchange(1) == 0 && asleep_.exchange(0) != 0) futex_wake(rung_);
  }
  /// Loop only: before it looks at what was posted.
  void silence() { rung_.store(0); }
  /// Loop only: sleeps until rung or for this long.
  void sleep(std::chrono::microseconds longest) {
    asleep_.store(1);
    if (rung_.load() == 0) futex_wait(rung_, 0, longest);
    asleep_.store(0);
  }

 private:
  std::atomic<std::uint32_t> rung_{0};
  std::atomic<std::uint32_t> asleep_{0};
};

/// What all lanes of a rank share with its loop: the bell, and who has something to say.
class Board {
 public:
  /// Lanes whose numbers differ by a multiple share a mark.
  static constexpr std::size_t marks = 4096;

  static std::size_t mark_of(LaneId lane) { return lane.number % marks; }

  Doorbell& bell() { return bell_; }

  /// The lane has published something. The loop sees it when it next looks.
  void mark(LaneId lane) {
    std::atomic<std::uint64_t>& word = words_[mark_of(lane) / 64];
    const std::uint64_t bit = std::uint64_t{1} << (mark_of(lane) % 64);
    if ((word.load() & bit) == 0) word.fetch_or(bit);
  }
  /// Loop only: calls `visit` with each mark that was set since the last time.
  template <class Visit>
  void take_marks(Visit&& visit) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].load(std::memory_order_relaxed) == 0) continue;
      for (std::uint64_t left = words_[i].exchange(0); left != 0; left &= left - 1)
        visit(i * 64 + static_cast<std::size_t>(__builtin_ctzll(left)));
    }
  }

  /// The zygote has sent a report.
  void mark_report() { reported_.store(1); }
  bool take_report() { return reported_.load(std::memory_order_relaxed) != 0 && reported_.exchange(0) != 0; }

 private:
  alignas(64) Doorbell bell_;
  alignas(64) std::atomic<std::uint32_t> reported_{0};
  alignas(64) std::array<std::atomic<std::uint64_t>, marks / 64> words_{};
};

}  // namespace crema::process
