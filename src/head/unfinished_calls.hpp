#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "crema/arguments.hpp"
#include "crema/ids.hpp"

// What the head keeps of calls, and of the work that makes them, until that has ended.
namespace crema::head {

/// A call that has its place in the history, and has not ended.
struct PlacedCall {
  TaskKey key;
  ActorId actor;
  TaskId parent{};
  FunctionId method{};
  std::uint32_t attempt = 0;  ///< of the caller
  bool done = false;          ///< before its actor was built anew: it is applied for the actor's state alone
};

/// Durable calls of an unfinished caller.
struct ArrivedCalls {
  std::unordered_set<TaskKey> calls;  ///< that have a place
  std::size_t failed = 0;             ///< without one
  [[nodiscard]] std::size_t count() const { return calls.size() + failed; }
};

/// What unfinished work has started: a further attempt starts it under the same keys.
struct Repeatable {
  std::vector<Named<TaskId>> works;
  std::vector<TaskId> pinned;
  std::set<RankId> hosts;  ///< of calls that are in the history
  /// Of others: these hosts are told to forget them once all have ended.
  std::set<RankId> other_hosts;
  std::unordered_map<TaskKey, TaskId> pool_calls;
  bool over = false;  ///< there is no further attempt
  /// Of a task, and of calls that are in no history: when as many have ended it is not tried again, and all are
  /// forgotten.
  static constexpr std::uint64_t most_outcomes = 100'000;
  std::uint64_t outcomes = 0;
  bool too_many = false;
  bool kept_from_trying = false;  ///< by that alone
};

}  // namespace crema::head
