#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "head/actor_directory.hpp"
#include "head/actor_pools.hpp"
#include "head/waits.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::head {

/// What lanes ask the head about actors: to create, find, place and kill them, and to share calls among a pool. Used on
/// the event loop's thread; times are on the head's clock.
class ActorService {
 public:
  ActorService(wire::Outbox& outbox, ResourcePool& pool) : outbox_{outbox}, directory_{pool} {}

  /// What an actor starts with.
  struct Recorded {
    std::vector<wire::Frame> calls{};  ///< in order, with ids of this start
    std::uint32_t incarnation = 0;     ///< how often its construction was lost before
    std::optional<Bytes> state{};      ///< which it has behind its construction
  };
  /// Where it is set, durable actors start with these, and their hosts tell of each call's place.
  using RecordedCalls = std::function<Recorded(const wire::ActorSpec&)>;
  void keep_history(RecordedCalls calls) { recorded_calls_ = std::move(calls); }

  void add_host(RankId rank, const Offer& offer) { directory_.add_host(rank, offer); }
  /// Whether the actor is constructed now; else its name is taken, which the lane was told, or it is there already,
  /// created by an earlier attempt.
  bool on_create(RankId from, const wire::Frame& frame);
  void on_find(RankId from, const wire::Frame& frame, std::int64_t now);
  void on_locate(RankId from, const wire::Frame& frame);
  void on_kill(const wire::Frame& frame);
  void on_create_pool(const wire::Frame& frame) { pools_.add(wire::read_pool(frame.payload)); }
  void on_pool_call(const wire::Frame& frame) {
    send(pools_.on_call(wire::read_call(frame.payload), frame.header.attempt));
  }

  /// A construction or a call has ended.
  void on_outcome(const wire::Outcome& outcome);
  /// A call has its place, or has failed: it need not be sent again.
  void on_placed(TaskId call) { pool_calls_.erase(call); }
  /// The rank is lost: no actor is placed there any more.
  void remove_host(RankId rank) { directory_.remove_host(rank); }
  /// The actor is to be built anew: on the same rank, or, if that is lost, where there is room.
  void lose(ActorId actor, bool rank_lost);
  /// Builds one anew that was lost. `ranks`: all that may have calls for it.
  void restart(wire::ActorSpec actor, const std::vector<RankId>& ranks);
  /// The actor is lost with its rank, and nobody can build it anew. `ranks`: all that may have calls for it.
  void give_up(ActorId actor, const std::string& reason, const std::vector<RankId>& ranks);
  /// Those that wait for room which no rank has any more, and why.
  std::vector<std::pair<ActorId, std::string>> take_impossible();
  [[nodiscard]] bool hosts_actors(RankId rank) const { return directory_.hosts_actors(rank); }
  /// These have died, and look for no actor any more.
  void forget(RankId rank);
  void forget(RankId rank, LaneId lane);
  /// Answers those who have waited long enough for an actor.
  void end_late(std::int64_t now);
  /// Adds those who wait for an actor to be created, and the calls that wait for a pool's member.
  void describe(Waits& waits) const;

  /// Failures of the constructors of actors that nobody has called.
  [[nodiscard]] std::vector<Bytes> unheard_failures() const;
  [[nodiscard]] const ActorDirectory& directory() const { return directory_; }

 private:
  /// Somebody who waits for an actor to be created.
  struct Finder {
    RankId from;
    wire::Frame request;
    std::string name;
    std::int64_t deadline = 0;
  };

  /// A call of a pool that has a member.
  struct PoolCall {
    wire::Frame frame;
    ActorId member;
    RankId sent_to{-1};  ///< -1: its member had no rank yet
  };

  void leave_pools(ActorId actor);
  void answer(RankId from, const wire::Frame& find);
  void start(wire::ActorSpec actor);
  void start_unplaced();
  void send(std::optional<ActorPools::Assignment> assignment);
  void send(PoolCall& call);
  void send_pool_calls(ActorId member);
  void tell_location(RankId to, ActorId actor);

  wire::Outbox& outbox_;
  ActorDirectory directory_;
  ActorPools pools_;
  RecordedCalls recorded_calls_;
  std::vector<wire::ActorSpec> unplaced_;          // there is no room for them now
  std::map<ActorId, bool> restarting_;             // whether somebody has killed it meanwhile
  std::map<TaskId, PoolCall> pool_calls_;          // until they are in the history, or have ended
  std::vector<Finder> finders_;                    // a lane has one at most
  std::map<ActorId, Bytes> failed_constructions_;  // an actor nobody called must not fail silently
};

/// The answer to a lane's request.
void send_reply(wire::Outbox& outbox, RankId to, const wire::Frame& request, const wire::Reply& answer);

}  // namespace crema::head
