#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/lane_ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/status.hpp"

namespace crema::actors {

/// Sends the calls of one rank's lanes straight to the ranks where the actors live. Where that is not known yet it asks
/// the head once and holds the calls; a call whose arguments are futures it holds until their values are there, and
/// with it what the same lane sends to the same actor afterwards, so that a caller's order is kept and nobody else
/// waits. So it does with a call that names work or values of this rank until the head has heard of these: should the
/// rank be lost, whoever has the call can still have them. Where the head keeps the history of calls, those to durable
/// actors are kept until they have their place in it, and sent again should the actor have been lost with its rank. Of
/// others it is known until they have ended that they were sent: should the actor be lost, who answers for it answers
/// each. Used on the event loop's thread.
class CallRouter {
 public:
  CallRouter(wire::Outbox& outbox, RankId me, bool keeps_calls = false)
      : outbox_{outbox}, me_{me}, keeps_calls_{keeps_calls} {}

  /// A call frame from a lane of this rank.
  void on_call(wire::Frame frame);
  /// From the head: actor_location.
  void on_location(const wire::Frame& frame);
  /// From the head: placed.
  void on_placed(const wire::Frame& frame);
  /// From the head: heard.
  void on_heard();
  /// A value or large_value this router asked for.
  void on_value(const wire::Frame& frame);
  /// The calls that are held here: for the values of their arguments, or for a place for their actor.
  [[nodiscard]] std::vector<wire::HeldCall> held() const;

 private:
  using Caller = std::pair<LaneId, ActorId>;
  struct Held {
    wire::Frame frame;
    std::size_t missing = 0;
    std::unordered_map<TaskId, Bytes> values{};
    std::uint64_t question = 0;  ///< the head has heard of what it names once this one is answered
  };
  /// Whether the head has heard of what a call names.
  struct Question {
    Caller caller;
    std::vector<Named<TaskId>> named;
  };
  struct Sent {
    wire::FrameHeader header;
    wire::CallHead call;
    Bytes payload;  ///< empty: nobody could apply the call again
  };

  [[nodiscard]] bool is_complete(const Held& held) const {
    return held.frame.payload.empty() || (held.missing == 0 && held.question <= answered_);
  }
  [[nodiscard]] bool may_be_unheard(const std::vector<Named<TaskId>>& named) const;
  void forward(const wire::CallHead& call, wire::Frame frame);
  void send_again(const Sent& sent, RankId to);
  void let_wait_no_more(ActorId actor);
  void send_complete(const Caller& caller);
  void fail(const wire::FrameHeader& header, const wire::CallSpec& call, const Bytes& failure);

  wire::Outbox& outbox_;
  const RankId me_;
  const bool keeps_calls_;
  std::unordered_map<ActorId, RankId> locations_;
  std::unordered_map<ActorId, std::vector<wire::Frame>> unlocated_;  // for one round trip to the head
  std::unordered_map<ActorId, std::deque<Sent>> sent_;               // until they are recorded, or have ended
  std::unordered_map<ActorId, std::set<LaneId>> bounded_by_;         // lanes that count their calls to it
  std::map<Caller, std::deque<Held>> held_;                          // the first waits for values
  std::unordered_map<TaskId, std::vector<Caller>> awaited_;          // by value: whose first call needs it
  std::deque<Question> questions_;                                   // that the head has not answered: of held calls
  std::uint64_t answered_ = 0;
  std::unordered_map<GlobalLane, TaskId> heard_;  // by lane of this rank, 65,536 at most: the newest of those heard of
};

}  // namespace crema::actors
