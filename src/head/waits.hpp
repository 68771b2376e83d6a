#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "crema/ids.hpp"

namespace crema::head {

/// Who waits for what, as far as the head knows it; for the stall report.
struct Waits {
  /// A lane that waits for values, or was told to follow them.
  struct Lane {
    RankId rank;
    LaneId lane;
    std::vector<TaskId> values{};  ///< that are not there
    std::size_t needed = 0;        ///< so many of them
    bool timed = false;            ///< not for ever
    bool follows = false;          ///< as_completed: may do something else in between
  };
  struct Finder {
    RankId rank;
    LaneId lane;
    std::string name;  ///< of the actor
  };
  /// A task that has not begun for want of inputs, or has returned a future whose value is not there.
  struct Work {
    TaskId id;
    std::vector<TaskId> values{};
    bool returned = false;
  };
  /// A call that waits for an idle member of its pool.
  struct PoolCall {
    TaskId id;
    FunctionId method;
    std::vector<TaskId> running{};  ///< the calls that the members have
  };
  struct Task {
    enum class State { unknown, blocked, ready, sent };
    State state = State::unknown;
    std::string name{};  ///< empty: a call, a stored value, or nothing the head knows
    RankId worker{};     ///< of one that was sent
  };

  std::vector<Lane> lanes{};
  std::vector<Finder> finders{};
  std::vector<Work> works{};
  std::vector<PoolCall> pool_calls{};
  std::vector<std::pair<ActorId, std::string>> unplaced{};  ///< actors without a place, and their classes
  std::size_t ready = 0;                                    ///< tasks for which no worker has room

  std::function<Task(TaskId)> task{};
  std::function<std::string(ActorId)> actor{};  ///< actor "till"
  std::function<std::string(FunctionId)> function{};
};

/// Tasks and calls of which the head tells what they wait for.
inline constexpr std::size_t max_waits = 10'000;

}  // namespace crema::head
