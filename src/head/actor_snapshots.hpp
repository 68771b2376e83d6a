#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>

#include "wire/messages.hpp"

namespace crema::head {

/// States that actors have told, which wait until all calls that led to them have ended in the history: a start that
/// goes on from a state does not apply those again, so it has to know their outcomes. Used on the event loop's thread.
class ActorSnapshots {
 public:
  using Keep = std::function<void(const wire::Snapshot&)>;
  explicit ActorSnapshots(Keep keep) : keep_{std::move(keep)} {}

  /// The actor starts, whose class describes its state; its calls have places from 1. Others are ignored.
  void start(ActorId actor) { actors_[actor] = {}; }
  /// The next place of the actor's calls; 0: its states are not followed.
  std::uint64_t next_place(ActorId actor);
  /// The call has its place, and will end.
  void expect(TaskId call, ActorId actor, std::uint64_t place) {
    if (place > 0) ending_.emplace(call, Place{actor, place});
  }
  /// The call at the place needs no further end.
  void ended(ActorId actor, std::uint64_t place);
  /// The call's outcome is in the history, or not: then no state from behind it can be kept. Others are ignored.
  void ended(TaskId call, bool is_kept);
  void on_snapshot(wire::Snapshot snapshot);

 private:
  struct Place {
    ActorId actor;
    std::uint64_t number = 0;
  };
  struct Actor {
    std::uint64_t given = 0;
    std::uint64_t ended = 0;       ///< all up to this
    std::set<std::uint64_t> more;  ///< behind others that have not
    bool complete = true;          ///< all outcomes are kept
    std::optional<wire::Snapshot> waiting;
  };
  void keep_if_complete(Actor& actor);

  const Keep keep_;
  std::unordered_map<ActorId, Actor> actors_;
  std::unordered_map<TaskId, Place> ending_;  // of calls
};

}  // namespace crema::head
