#pragma once

#include <cstdint>

#include "crema/ids.hpp"

namespace crema::head {

/// What recorded values and arguments name: each has an id in this start before anybody asks for it.
struct RestoredName {
  TaskId id;
  bool bound = false;  ///< its value is there or comes
};

/// Ids of what no lane of this start has asked for: of the head's lane 65535, which no lane ever is.
class RestoredIds {
 public:
  TaskId next() { return TaskId{(lane << 32) + ++given_}; }
  [[nodiscard]] static bool has(TaskId id) { return id.number >> 32 == lane; }

 private:
  static constexpr std::uint64_t lane = 0xffff;
  std::uint64_t given_ = 0;
};

}  // namespace crema::head
