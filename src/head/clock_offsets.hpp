#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "crema/ids.hpp"

namespace crema::head {

/// What to add to the ranks' clocks to have the head's: the least that any message showed (Cristian 1989, one way). It
/// errs by the fastest message's latency, always late, so a task never seems to start before it was submitted.
class ClockOffsets {
 public:
  using Clock = std::int64_t (*)();

  explicit ClockOffsets(Clock clock) : clock_{clock} {}

  void begin_turn() { ++turn_; }
  /// A message of the rank says that it was `sent` then, by the rank's clock. One a turn is looked at: to know fewer
  /// makes the offset later, never earlier.
  std::int64_t learn(RankId from, std::int64_t sent) {
    const auto rank = static_cast<std::size_t>(from.number);
    if (rank >= offsets_.size()) offsets_.resize(rank + 1);
    Offset& offset = offsets_[rank];
    if (std::exchange(offset.turn, turn_) != turn_) offset.nanoseconds = std::min(offset.nanoseconds, clock_() - sent);
    return offset.nanoseconds;
  }

 private:
  struct Offset {
    std::int64_t nanoseconds = std::numeric_limits<std::int64_t>::max();
    std::uint64_t turn = 0;  ///< when it was looked at last
  };

  const Clock clock_;
  std::vector<Offset> offsets_;  // by rank
  std::uint64_t turn_ = 1;
};

}  // namespace crema::head
