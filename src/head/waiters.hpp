#pragma once

#include <cstdint>

#include "crema/ids.hpp"
#include "wire/frame.hpp"

// Who waits at the head, and for what.
namespace crema::head {

/// A lane that waits for a value.
struct Waiter {
  RankId rank{-1};
  LaneId lane{};

  friend bool operator==(const Waiter&, const Waiter&) = default;
};

/// What completes or goes on when a value is there.
struct Dependent {
  TaskId id;
  bool forwards = false;  ///< it gets this value as its own; else the value is one of its inputs
};

/// A lane that waits until so many records are on the disk.
struct Sync {
  std::uint64_t recorded = 0;
  RankId from;
  wire::Frame request;
};

}  // namespace crema::head
