#include "head/lane_holds.hpp"

namespace crema::head {

bool LaneHolds::release(GlobalLane lane, TaskId id) {
  if (retained_.empty()) return false;
  const auto held = retained_.find(lane);
  if (held == retained_.end()) return false;
  const auto reference = held->second.find(id);
  if (reference == held->second.end()) return false;
  if (--reference->second == 0) held->second.erase(reference);
  if (held->second.empty()) retained_.erase(held);
  return true;
}

std::vector<std::pair<TaskId, std::uint32_t>> LaneHolds::lose(GlobalLane lane) {
  any_lost_ = true;
  lost_.insert(lane);
  const auto node = retained_.extract(lane);
  if (node.empty()) return {};
  return {node.mapped().begin(), node.mapped().end()};
}

std::vector<std::pair<TaskId, std::uint32_t>> LaneHolds::lose(RankId rank) {
  any_lost_ = true;
  lost_ranks_.insert(rank);
  std::vector<std::pair<TaskId, std::uint32_t>> held;
  std::erase_if(retained_, [&](const auto& lane) {
    if (rank_of(lane.first) != rank) return false;
    held.insert(held.end(), lane.second.begin(), lane.second.end());
    return true;
  });
  return held;
}

}  // namespace crema::head
