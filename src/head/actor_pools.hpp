#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "head/waits.hpp"
#include "wire/messages.hpp"

namespace crema::head {

/// Groups of actors that share calls: each call goes to the member that is idle first, so a slow one holds up none of
/// the others. A member has one call of its pool at a time; the others wait here. Used on the event loop's thread.
class ActorPools {
 public:
  /// A call and the member that is to have it.
  struct Assignment {
    wire::CallSpec call;
    std::uint32_t attempt = 0;  ///< of the task that makes it
    ActorId member{};
  };

  void add(const wire::Pool& pool);
  /// A call of the pool that call.actor names. Nothing: it waits for a member.
  std::optional<Assignment> on_call(wire::CallSpec call, std::uint32_t attempt);
  /// A call has ended. If it came from a pool: what its member gets next.
  std::optional<Assignment> on_ended(TaskId call);
  /// The actor was killed, or is lost for good: it gets no call any more, unless none of its pool is left. What members
  /// get now.
  std::vector<Assignment> give_up(ActorId member);
  /// Adds the calls that wait here.
  void describe(Waits& waits) const;

 private:
  struct Waiting {
    wire::CallSpec call;
    std::uint32_t attempt = 0;
  };
  struct Members {
    std::vector<ActorId> all;
    std::vector<ActorId> idle;    // and not gone, unless all are
    std::deque<Waiting> waiting;  // only when no member is idle
  };
  struct Running {
    ActorId pool;
    ActorId member;
  };

  std::optional<Assignment> assign(ActorId pool);
  [[nodiscard]] bool are_all_gone(const Members& members) const;

  std::unordered_map<ActorId, Members> pools_;
  std::unordered_map<TaskId, Running> running_;
  std::unordered_set<ActorId> gone_;
};

}  // namespace crema::head
