#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "lane/lane.hpp"
#include "lane/wake_list.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::actors {

/// Owns the actors of one rank: a lane each, which applies calls one at a time in the order they come. Outcomes go to
/// the head, which delivers them. Knows no MPI and no threads. Used on the event loop's thread.
class Host {
 public:
  using StartLane = std::function<std::unique_ptr<lane::Lane>()>;

  /// Actors a rank can hold: each has a lane (a thread with its stack).
  static constexpr std::size_t max_actors = 1000;

  Host(wire::Outbox& outbox, StartLane start_lane, lane::Identity self)
      : outbox_{outbox}, start_lane_{std::move(start_lane)}, self_{std::move(self)} {}

  /// From the head: start_actor, kill_actor. From callers on any rank: call; one that overtakes its actor's start waits
  /// for it.
  void on_frame(wire::Frame frame);
  /// From this rank's actors: outcome.
  void on_lane(wire::Frame frame);
  /// From the head, for one of this rank's actors: value, reply. False: the lane is not an actor's.
  bool on_reply(wire::Frame& frame);
  /// Wakes the actors that were given work. Called once a turn of the loop, after all frames of that turn.
  void turn();

  void stop();
  [[nodiscard]] bool stopped() const;
  [[nodiscard]] std::uint64_t calls_done() const { return calls_done_; }
  [[nodiscard]] double busy_seconds() const { return static_cast<double>(busy_nanoseconds_) * 1e-9; }

 private:
  struct Hosted {
    lane::Lane* lane = nullptr;  ///< nullptr: none
    std::string gone{};          ///< why there is none
  };

  void start(wire::Frame frame);
  void kill(const wire::Frame& frame);
  void refuse_call(const wire::CallSpec& call, const std::string& reason);
  void remove_ended_lanes();
  void give(lane::Lane& lane, wire::Frame frame);
  /// Answers for work that no lane can do.
  void fail(wire::Outcome outcome, const std::string& name, const std::string& reason);

  wire::Outbox& outbox_;
  const StartLane start_lane_;
  const lane::Identity self_;

  std::unordered_map<ActorId, Hosted> actors_;
  std::unordered_map<LaneId, std::unique_ptr<lane::Lane>> lanes_;
  std::unordered_map<ActorId, std::vector<wire::Frame>> early_calls_;  // until the head's start_actor comes
  lane::WakeList to_wake_;
  std::uint64_t calls_done_ = 0;
  std::int64_t busy_nanoseconds_ = 0;
};

}  // namespace crema::actors
