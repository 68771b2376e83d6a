#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "common/ready_queue.hpp"
#include "lane/lane.hpp"
#include "lane/wake_list.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/status.hpp"

namespace crema::worker {

/// The worker's half of the pull protocol: tasks from the head go to lanes, outcomes go back, and pulls tell the head
/// what fits. Knows no MPI and no threads: frames in, frames out. Used on the event loop's thread.
class Worker {
 public:
  /// Makes a lane that runs tasks and posts to this rank.
  using StartLane = std::function<std::unique_ptr<lane::Lane>()>;

  /// Tasks that may wait and give their slot away at a time, a rank: each holds a lane (a thread with its stack). One
  /// more that waits for a result is an error. One more that waits for room in a mailbox gives its slot to deeper tasks
  /// alone, which are what the actor may need. Nested work goes depth first on each slot, so more slots need more.
  [[nodiscard]] std::size_t max_parked() const { return 256 + std::size_t{64} * (slots_ - 1); }

  /// Runs up to `slots` tasks at a time, as long as their CPUs are at most `cpus`.
  /// `self`: whose lanes these are.
  Worker(wire::Outbox& outbox, StartLane start_lane, std::uint32_t slots, double cpus, lane::Identity self);

  /// From the head: run_task.
  void on_task(wire::Frame frame);
  /// From the head: cancel_task, for a task that was sent here.
  void on_cancel(const wire::Frame& frame);
  /// From the head: what has not been begun is wanted back, as others have nothing to do.
  void on_hand_back();
  /// The job stops early: what runs is told.
  void tell_stopping();
  /// From this rank's lanes: outcome, park, resume.
  void on_lane(wire::Frame frame);
  /// A lane is no more, after all that it has posted: what it ran has failed, what it had not begun runs elsewhere.
  /// Throws Error when lanes end again and again without having begun anything.
  void on_lane_lost(const lane::Loss& loss);
  /// From the head, for one of this worker's lanes: value, reply. False: the lane is not this worker's.
  bool on_reply(wire::Frame& frame);
  /// Hands tasks to lanes and tells the head of changes. Called once a turn of the loop, after all frames of that turn;
  /// `now` in nanoseconds of a monotonic clock.
  void turn(std::int64_t now);

  /// Adds this rank's lanes and the tasks that wait for one.
  void describe(wire::Status& status) const;

  [[nodiscard]] bool owns(LaneId lane) const { return lanes_.contains(lane); }
  void stop();
  [[nodiscard]] bool stopped() const;
  [[nodiscard]] std::uint64_t tasks_done() const { return tasks_done_; }
  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  /// Seconds spent in tasks that have ended, summed over lanes, without those in which they waited with their lane
  /// parked. As exact as turns are frequent.
  [[nodiscard]] double busy_seconds() const { return static_cast<double>(busy_nanoseconds_) * 1e-9; }
  /// Whether a lane has work now.
  [[nodiscard]] bool busy() const { return given_ > parked_; }

 private:
  struct Slot {
    std::unique_ptr<lane::Lane> lane;
    std::size_t given = 0;  ///< tasks given and not ended
    bool parked = false;
    std::uint32_t room_depth = 0;  ///< of its task, where it is parked and waits for room in a mailbox
    bool lost = false;             ///< the lane is no more; the slot goes once nothing is given to it
    std::optional<double> cpus{};  ///< of a task with resources of its own, which is alone on the lane
    TaskId cancelled{};            ///< it runs though it was cancelled,
    std::int64_t cancelled_at{};   ///< as was seen first at this time
    TaskId killed{};               ///< the task for which the lane was killed,
    Failure::Kind killed_for{};    ///< and why
  };

  void end_overdue(std::int64_t now);
  void kill(Slot& slot, TaskId id, Failure::Kind why);
  wire::Frame outcome_of_lost(const Slot& slot, const wire::Frame& unfinished, const lane::Loss& loss) const;
  void run_again(Slot& slot, wire::Frame task);
  void remove_lost();
  void flush_held();
  void hand_out();
  Slot* lane_for_next_task();
  [[nodiscard]] wire::Pull pull() const;
  void park(Slot& slot, const wire::FrameHeader& header);
  void unpark(Slot& slot);
  [[nodiscard]] std::uint32_t deeper_than() const;
  void hand_back(wire::Frame task);
  void tell_lanes_cancelled();
  void tell_if_cancelled(Slot& slot);
  void take_back(Slot& slot);
  void share_among_lanes();
  void send_held(std::int64_t now);

  // Constant after construction.
  wire::Outbox& outbox_;
  const StartLane start_lane_;
  const std::uint32_t slots_;
  const double cpus_;
  const lane::Identity self_;

  // Bounded by what the head sends ahead, so no frame is copied out of the packet it came in.
  ReadyQueue<wire::Frame> queue_;
  std::unordered_map<LaneId, Slot> lanes_;
  lane::WakeList to_wake_;
  std::set<TaskId> cancelled_;  // and not ended
  std::size_t given_ = 0;
  std::size_t parked_ = 0;
  std::int64_t looked_ = 0;            // for overdue tasks
  std::size_t lost_ = 0;               // slots whose lane is no more
  std::size_t lost_without_work_ = 0;  // lanes, one after the other
  std::vector<wire::Frame> held_;      // outcomes that wait for others to travel with
  std::int64_t held_since_ = 0;        // 0: not known yet
  bool announced_ = false;
  bool parked_changed_ = false;  // and not announced
  std::uint64_t tasks_done_ = 0;
  std::int64_t busy_nanoseconds_ = 0;
  std::int64_t turned_ = 0;         // the last turn; 0: none yet
  std::size_t parked_at_turn_ = 0;  // lanes, at the end of it
};

}  // namespace crema::worker
