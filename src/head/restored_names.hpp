#pragma once

#include <cstdint>

#include "common/lane_ids.hpp"

namespace crema::head {

/// What recorded values and arguments name: each has an id in this start before anybody asks for it.
struct RestoredName {
  TaskId id;
  bool bound = false;  ///< its value is there or comes
};

/// Ids of what no lane of this start has asked for: of the head's lane 65535, which no lane ever is.
class RestoredIds {
 public:
  TaskId next() { return TaskId{first_id_of(lane).number + ++given_}; }
  [[nodiscard]] static bool has(TaskId id) { return maker_of(id) == lane; }

 private:
  static constexpr GlobalLane lane = highest_lane;
  std::uint64_t given_ = 0;
};

}  // namespace crema::head
