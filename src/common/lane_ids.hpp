#pragma once

#include <cstdint>

#include "crema/ids.hpp"

namespace crema {

/// An id of a task, a call or a value says in its upper bits who has asked for it: 16 bits of rank, 16 of lane, then 32
/// in which the lane counts.
inline constexpr int bits_below_lane = 32;
inline constexpr int bits_below_rank = 48;
inline constexpr std::uint64_t most_ids_of_lane = 0xffff'ffff;
inline constexpr std::uint64_t highest_lane = 0xffff;

/// A lane among those of all ranks: the ids that it makes begin with it.
using GlobalLane = std::uint64_t;

constexpr GlobalLane global_lane(RankId rank, LaneId lane) {
  return static_cast<GlobalLane>(rank.number) << (bits_below_rank - bits_below_lane) | lane.number;
}
constexpr GlobalLane maker_of(TaskId id) { return id.number >> bits_below_lane; }
constexpr RankId rank_of(GlobalLane lane) {
  return RankId{static_cast<std::int32_t>(lane >> (bits_below_rank - bits_below_lane))};
}
constexpr RankId rank_of(TaskId id) { return rank_of(maker_of(id)); }
constexpr TaskId first_id_of(GlobalLane lane) { return TaskId{lane << bits_below_lane}; }
constexpr TaskId last_id_of(GlobalLane lane) { return TaskId{lane << bits_below_lane | most_ids_of_lane}; }
constexpr TaskId first_id_of(RankId rank) { return first_id_of(global_lane(rank, LaneId{0})); }
constexpr TaskId last_id_of(RankId rank) {
  return last_id_of(global_lane(rank, LaneId{static_cast<std::uint32_t>(highest_lane)}));
}

}  // namespace crema
