#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/object_store.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::store {

/// Moves large values between the lanes and the stores of the ranks. A value stays where it was made; the head knows
/// where and who needs it. A rank that needs it fetches it once, straight from a rank that has it, and keeps a copy
/// until the head lets it go. A part of a value is fetched when a lane asks for it, and passed on without a copy. Knows
/// no MPI and no threads. Used on the event loop's thread.
class ObjectExchange {
 public:
  /// Takes a lane's frame that was held back, and that is not to be held again.
  using Resume = std::function<void(wire::Frame)>;

  /// `fetched_ahead`: bytes of values on their way to this rank at a time; a single one may be larger.
  ObjectExchange(wire::Outbox& outbox, ObjectStore& store, RankId me, std::uint64_t fetched_ahead, Resume resume)
      : outbox_{outbox}, store_{store}, me_{me}, fetched_ahead_{fetched_ahead}, resume_{std::move(resume)} {}

  /// A value that a lane of this rank has made. The message that tells of it comes behind, from the same lane.
  void on_made(wire::Frame frame);
  /// Whether the message tells of a value (outcome or put) for which there is no room yet: then it is kept, and given
  /// to `resume` later, as a failure if there will be none. So are outcomes, releases and calls behind such messages of
  /// their lane, in order: who hears that work has ended, lets go of a value or names one has heard of what it had
  /// stored. So is who waits for room.
  bool hold(wire::Frame& frame);
  /// Whether a message of this lane is held.
  [[nodiscard]] bool holds(LaneId lane) const { return held_.contains(lane); }
  /// From a lane that waits until all it has made is in the store. It hears why something is not that what runs there
  /// has stored.
  void on_make_room(const wire::Frame& frame);
  /// The lane has died: values that it made and did not tell of are nobody's. Requires that none of its messages is
  /// held.
  void on_lane_lost(LaneId lane);

  /// From the head: a value that a lane of this rank has asked for, and who has it.
  void on_located(const wire::Frame& frame);
  /// From the head: large inputs of a task that is to run here.
  void fetch_inputs(const std::vector<wire::ObjectLocation>& inputs);
  /// From a lane: large inputs of its task.
  void on_get_inputs(const wire::Frame& frame);
  /// From another rank that needs a value of this one.
  void on_fetch(RankId from, const wire::Frame& frame);
  /// From another rank: a value, as this one asked.
  void on_object(wire::Frame frame);
  /// From the head: a value that was to come from a rank that is lost is somewhere else.
  void on_moved(const wire::Frame& frame);
  /// From the head: nobody needs these any more.
  void on_free(const wire::Frame& frame);

 private:
  struct Waiter {
    LaneId lane;
    wire::ObjectPart wanted;  ///< of the task whose value it asked for, which may be another's
  };
  struct Fetching {
    wire::ObjectLocation location;
    bool queued = false;
    bool asked = false;
    std::size_t tasks = 0;  ///< of a part: that were told where it is and have not got it
    std::vector<Waiter> waiters{};
  };
  /// What a rank does not have yet; the parts of a value lie side by side.
  using Fetches = std::map<wire::ObjectPart, Fetching>;
  /// A value whose message has not passed.
  struct Making {
    LaneId lane;
    bool stored = false;
    std::string error{};
  };

  void want(const wire::ObjectLocation& location, std::optional<Waiter> waiter);
  void fetch_more();
  /// A part has come or cannot be had: those who wait for it are its waiters. It stays known for tasks that will ask.
  std::vector<Waiter> take_waiters(Fetches::iterator fetching);
  void on_failed(const wire::ObjectPart& object, const Bytes& payload);
  void move(Fetches::iterator fetching, const wire::Moved& moved);
  void give(const wire::ObjectPart& object, const Waiter& waiter);
  void give_failure(const Waiter& waiter, const std::string& reason, Failure::Kind kind = Failure::Kind::task);
  void made(TaskId id, const std::string& error);
  bool may_pass(wire::Frame& frame);
  void turn_into_failure(wire::Frame& frame, const std::string& reason);

  // Constant after construction.
  wire::Outbox& outbox_;
  ObjectStore& store_;
  const RankId me_;
  const std::uint64_t fetched_ahead_;
  const Resume resume_;

  std::unordered_map<TaskId, Making> making_;
  std::unordered_map<LaneId, std::deque<wire::Frame>> held_;  // never empty: the first waits for its value
  /// A value of this work, zero the driver, for which there was no room.
  struct Refused {
    TaskId by;
    std::string error;
  };
  std::unordered_map<LaneId, Refused> refused_;  // the first since the lane has asked
  Fetches fetching_;
  std::deque<wire::ObjectPart> queue_;  // of fetching_, not asked yet; one that is not there any more is passed over
  std::uint64_t on_their_way_ = 0;
};

}  // namespace crema::store
