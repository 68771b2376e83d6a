#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "crema/ids.hpp"

namespace crema::head {

/// Which lane holds which values, so that what a lane held can be dropped when it dies. Most references are those that
/// a lane has to what it made itself: the id tells the lane, and the table of values whether it still has it. Only
/// references that came to a lane in arguments or values are counted here. Used on the event loop's thread.
class LaneHolds {
 public:
  /// A lane among those of all ranks: the ids it makes begin with it.
  using Lane = std::uint64_t;
  static Lane lane(RankId rank, LaneId lane) { return static_cast<Lane>(rank.number) << 16 | lane.number; }
  static Lane maker_of(TaskId id) { return id.number >> 32; }
  static RankId rank_of(Lane lane) { return RankId{static_cast<std::int32_t>(lane >> 16)}; }
  static TaskId first_of(Lane lane) { return TaskId{lane << 32}; }
  static TaskId last_of(Lane lane) { return TaskId{lane << 32 | 0xffff'ffff}; }

  void retain(Lane lane, TaskId id) { ++retained_[lane][id]; }
  /// False: the lane has no such reference, so it gives up the one it has as the maker.
  bool release(Lane lane, TaskId id);

  /// The lane has died: what it held besides what it made, and how often.
  std::vector<std::pair<TaskId, std::uint32_t>> lose(Lane lane);
  /// Likewise for all lanes of a rank, those included of which nothing is known.
  std::vector<std::pair<TaskId, std::uint32_t>> lose(RankId rank);
  /// Costs next to nothing until the first is lost.
  [[nodiscard]] bool is_lost(Lane lane) const {
    return any_lost_ && (lost_ranks_.contains(rank_of(lane)) || lost_.contains(lane));
  }

 private:
  using Held = std::unordered_map<TaskId, std::uint32_t>;

  std::unordered_map<Lane, Held> retained_;
  std::set<Lane> lost_;  // bounded by the lanes a run can start
  std::set<RankId> lost_ranks_;
  bool any_lost_ = false;
};

}  // namespace crema::head
