#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/lane_ids.hpp"

namespace crema::head {

/// Which lane holds which values, so that what a lane held can be dropped when it dies. Most references are those that
/// a lane has to what it made itself: the id tells the lane, and the table of values whether it still has it. Only
/// references that came to a lane in arguments or values are counted here. Used on the event loop's thread.
class LaneHolds {
 public:
  void retain(GlobalLane lane, TaskId id) { ++retained_[lane][id]; }
  /// False: the lane has no such reference, so it gives up the one it has as the maker.
  bool release(GlobalLane lane, TaskId id);

  /// The lane has died: what it held besides what it made, and how often.
  std::vector<std::pair<TaskId, std::uint32_t>> lose(GlobalLane lane);
  /// Likewise for all lanes of a rank, those included of which nothing is known.
  std::vector<std::pair<TaskId, std::uint32_t>> lose(RankId rank);
  /// Costs next to nothing until the first is lost.
  [[nodiscard]] bool is_lost(GlobalLane lane) const {
    return any_lost_ && (lost_ranks_.contains(rank_of(lane)) || lost_.contains(lane));
  }

 private:
  using Held = std::unordered_map<TaskId, std::uint32_t>;

  std::unordered_map<GlobalLane, Held> retained_;
  std::set<GlobalLane> lost_;  // bounded by the lanes a run can start
  std::set<RankId> lost_ranks_;
  bool any_lost_ = false;
};

}  // namespace crema::head
