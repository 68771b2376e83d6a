#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

// What a rank does at one moment, for the head's stall report. The byte layout is in src/wire/README.md.
namespace crema::wire {

/// Calls of one actor, and calls held on one rank, that a status lists; of others it tells the number.
inline constexpr std::size_t max_listed = 1000;

struct LaneStatus {
  LaneId lane{};
  TaskId running{};      ///< zero: nothing, or the driver
  bool waiting = false;  ///< for a reply
  ActorId room{};        ///< the actor for room in whose mailbox it waits; zero: none
};

/// A call, or an actor's construction, whose id is the actor's.
struct CallStatus {
  TaskId id{};
  FunctionId function{};
};

/// An actor that has calls.
struct ActorStatus {
  ActorId actor{};
  LaneId lane{};                             ///< zero: it was killed
  std::uint64_t calls = 0;                   ///< in the mailbox; the first runs
  std::uint64_t outside = 0;                 ///< that wait for room in the mailbox
  std::vector<CallStatus> listed{};          ///< the first of `calls`
  std::vector<CallStatus> listed_outside{};  ///< the first of `outside`
};

/// A call that has not left its caller's rank.
struct HeldCall {
  TaskId id{};
  ActorId actor{};
  FunctionId method{};
  bool unplaced = false;          ///< its actor has no place yet
  std::vector<TaskId> missing{};  ///< values of its arguments; none: it keeps its place behind one that misses some
};

/// Payload of status.
struct Status {
  LaneId driver{};           ///< zero: it does not run on this rank
  std::uint64_t queued = 0;  ///< tasks that wait for a lane
  std::vector<LaneStatus> lanes{};
  std::vector<ActorStatus> actors{};
  std::vector<HeldCall> held{};
};
ByteBuffer write(const Status& status);
Status read_status(const Bytes& payload);

}  // namespace crema::wire
