#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "head/lane_holds.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::head {

/// Which calls their callers' ranks need not send again, should the actor be lost. Used on the event loop's thread.
class CallsToTell {
 public:
  explicit CallsToTell(wire::Outbox& outbox) : outbox_{outbox} {}

  /// The call is in the history.
  void placed(TaskId call, ActorId actor) { add(placed_, call, actor); }
  /// The call has ended, whose actor has no history. Until a rank is lost nobody asks, so many are told at a time.
  void ended(TaskId call, ActorId actor) {
    std::vector<TaskId>& calls = add(ended_, call, actor);
    if (calls.size() <= calls_at_a_time) return;
    tell(rank_of(call), calls);
    calls.clear();
  }
  void tell_placed() {
    for (const auto& [to, calls] : std::exchange(placed_, {})) tell(to.first, calls);
  }
  void tell_all() {
    tell_placed();
    for (const auto& [to, calls] : std::exchange(ended_, {}))
      if (!calls.empty()) tell(to.first, calls);
  }

 private:
  /// By the caller's rank and the actor: the actor, as the payload has it in front, and the calls.
  using Calls = std::map<std::pair<RankId, ActorId>, std::vector<TaskId>>;
  static constexpr std::size_t calls_at_a_time = 256;

  static RankId rank_of(TaskId call) { return crema::rank_of(call); }
  static std::vector<TaskId>& add(Calls& to, TaskId call, ActorId actor) {
    std::vector<TaskId>& calls = to[{rank_of(call), actor}];
    if (calls.empty()) calls.emplace_back(actor.number);
    calls.push_back(call);
    return calls;
  }
  void tell(RankId rank, const std::vector<TaskId>& calls) {
    outbox_.send(rank, wire::make_frame(wire::FrameType::placed, wire::write_ids(calls)));
  }

  wire::Outbox& outbox_;
  Calls placed_;
  Calls ended_;
};

}  // namespace crema::head
