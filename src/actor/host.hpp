#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lane/lane.hpp"
#include "lane/wake_list.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/status.hpp"

namespace crema::actors {

/// Owns the actors of one rank: a lane each, which applies calls one at a time in the order they come. Outcomes go to
/// the head, which delivers them. Where an actor's pending calls are bounded, further ones wait outside its mailbox, in
/// the order they came, and callers are told of each that is let in. Knows no MPI and no threads. Used on the event
/// loop's thread.
class Host {
 public:
  using StartLane = std::function<std::unique_ptr<lane::Lane>()>;

  /// Actors a rank can hold: each has a lane (a thread with its stack).
  static constexpr std::size_t max_actors = 1000;

  Host(wire::Outbox& outbox, StartLane start_lane, lane::Identity self)
      : outbox_{outbox}, start_lane_{std::move(start_lane)}, self_{std::move(self)} {}

  /// From the head: start_actor, actor_gone, kill_actor, recorded, forget_calls, known_calls, and the recorded calls of
  /// an actor that is built anew. From callers on any rank: call; one that overtakes its actor's start, or those
  /// recorded calls, waits for it.
  void on_frame(RankId from, wire::Frame frame);
  /// A frame by which a durable actor's method acts on another actor. True: it is kept until the method's own call is
  /// in the history; take_free has it then.
  bool hold(const wire::Frame& frame);
  /// Frames that may go now, in order.
  std::vector<wire::Frame> take_free() { return std::exchange(free_, {}); }
  /// From this rank's actors: outcome.
  void on_lane(wire::Frame frame);
  /// The lane of an actor is no more, after all that it has posted. The head builds the actor anew if it can: then the
  /// call that ran fails, and all others are the head's. Otherwise they fail, and all further ones.
  void on_lane_lost(const lane::Loss& loss);
  /// From the head, for one of this rank's actors: value, reply. False: the lane is not an actor's.
  bool on_reply(wire::Frame& frame);
  /// Wakes the actors that were given work and tells callers what was accepted. Called once a turn of the loop, after
  /// all frames of that turn.
  void turn();

  /// Adds this rank's actors and their lanes.
  void describe(wire::Status& status) const;

  /// The job stops early: what runs is told.
  void tell_stopping();
  void stop();
  [[nodiscard]] bool stopped() const;
  /// Whether an actor has work and does not wait for an answer.
  [[nodiscard]] bool busy() const;
  [[nodiscard]] std::uint64_t calls_done() const { return calls_done_; }
  [[nodiscard]] double busy_seconds() const { return static_cast<double>(busy_nanoseconds_) * 1e-9; }

 private:
  struct Caller {
    RankId rank;
    LaneId lane;

    friend auto operator<=>(const Caller&, const Caller&) = default;
  };
  struct Outside {
    Caller caller;
    wire::Frame frame;
    wire::CallStatus call;
  };
  struct Hosted {
    lane::Lane* lane = nullptr;            ///< nullptr: none
    std::string gone{};                    ///< why there is none
    std::uint64_t bound = 0;               ///< of `given`; 0: none
    std::deque<wire::CallStatus> given{};  ///< calls, and the construction, that have not ended
    std::deque<Outside> outside{};         ///< when `given` is full
    BytesSlab calls{};                     ///< their bytes: a queue, so that what waits keeps little else alive
    bool durable = false;
    std::uint32_t restarts = 0;           ///< how often it may be built anew
    std::uint64_t recorded_to_come = 0;   ///< calls from the history; others wait
    std::uint64_t places = 0;             ///< of calls in its history that were taken by this lane or the ones before
    std::unordered_set<TaskKey> known{};  ///< calls that have a place, and whose callers may repeat them
  };

  void start(wire::Frame frame);
  void answer_for_gone(const wire::Frame& frame);
  void take_early(ActorId actor);
  bool take_place(Hosted& hosted, const wire::Frame& frame, const wire::CallHead& call);
  bool is_first(const wire::Frame& frame, const wire::CallHead& call);
  void on_recorded(std::uint64_t places);
  void on_forget(const wire::Frame& frame);
  void on_known(const wire::Frame& frame);
  void tell_taken(const wire::Frame& call, TaskId id, bool again);
  void take_call(Hosted& hosted, Caller caller, wire::Frame frame, const wire::CallHead& call);
  void let_in(Hosted& hosted);
  void accept(const wire::Frame& frame, Caller caller, ActorId actor);
  void kill(const wire::Frame& frame);
  void refuse_call(const wire::CallHead& call, const wire::FrameHeader& header, const std::string& reason);
  [[nodiscard]] bool is_of_lost_attempt(const wire::CallHead& call, std::uint32_t attempt) const;
  void remove_ended_lanes();
  void give(lane::Lane& lane, wire::Frame frame);
  /// Answers for work that no lane can do.
  void fail(wire::Outcome outcome, const std::string& name, const std::string& reason,
            const std::string& type = "crema::Error", std::uint16_t flags = 0);
  void fail_work(const wire::Frame& work, const std::string& type, const std::string& reason, std::uint16_t flags = 0);
  void refuse_outside(Hosted& hosted);
  ActorId actor_with(const lane::Lane& lane) const;

  wire::Outbox& outbox_;
  const StartLane start_lane_;
  const lane::Identity self_;

  std::unordered_map<ActorId, Hosted> actors_;
  std::unordered_map<LaneId, std::unique_ptr<lane::Lane>> lanes_;
  using EarlyCall = std::pair<RankId, wire::Frame>;                  // from whom
  std::unordered_map<ActorId, std::vector<EarlyCall>> early_calls_;  // until the head's start_actor comes
  std::uint64_t places_told_ = 0;
  std::deque<std::pair<std::uint64_t, TaskId>> unrecorded_;  // calls whose places the head has not recorded
  std::unordered_set<TaskId> unrecorded_calls_;              // the same
  std::vector<wire::Frame> kept_;                            // until then
  std::vector<wire::Frame> free_;
  std::unordered_map<TaskId, std::vector<std::pair<ActorId, TaskKey>>> known_by_;  // by caller
  // By caller, a task that has not ended: its calls of actors without a history.
  std::unordered_map<TaskId, std::unordered_map<TaskKey, TaskId>> made_by_;
  std::unordered_map<TaskId, std::uint32_t> ended_callers_;  // and how many lost attempts may have calls on the way
  std::map<std::pair<Caller, ActorId>, std::uint32_t> accepted_;  // in this turn
  lane::WakeList to_wake_;
  std::uint64_t calls_done_ = 0;
  std::int64_t busy_nanoseconds_ = 0;
};

}  // namespace crema::actors
