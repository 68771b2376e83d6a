#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "crema/errors.hpp"
#include "crema/ids.hpp"
#include "wire/frame.hpp"

// The lane contract: a lane is a place where user code runs, one piece of work at a time. It speaks with its rank's
// event loop in frames only, so a lane may be a thread of the rank or a process of its own.
namespace crema::lane {

/// Where the lanes of a rank post their frames.
/// Thread safety: any thread. Never blocks. Frames of one lane arrive in the order posted.
class Inbox {
 public:
  virtual ~Inbox() = default;
  /// `wake`: the loop should look at once; otherwise it looks when it next wakes, within about a millisecond.
  virtual void post(wire::Frame frame, bool wake) = 0;
  /// The loop should look at what was posted without waking it.
  virtual void wake() = 0;
};

/// A lane was lost: its process ended under its work.
struct Loss {
  LaneId lane;
  std::string type;         ///< "SIGSEGV", "exit code 3"
  std::string reason;       ///< "killed by signal 11 (Segmentation fault)"
  std::string last_errors;  ///< the last lines that its last piece of work wrote to stderr, at most 20
};

/// The loop's side of one lane. Used on the loop's thread; no call blocks.
class Lane {
 public:
  virtual ~Lane() = default;

  [[nodiscard]] virtual LaneId id() const = 0;
  /// Work is run in the order given, once wake has been called.
  virtual void give_work(wire::Frame frame) = 0;
  /// An answer to the work that runs now, there once wake has been called.
  virtual void reply(wire::Frame frame) = 0;
  /// Once for all that was given: a wake for each piece would let lane and loop take turns on a core, piece by piece.
  virtual void wake() = 0;
  /// The tasks that somebody has cancelled, among those this lane was given; replaces what was told before.
  virtual void tell_cancelled(std::vector<TaskId> ids) = 0;
  /// The job stops early: what runs should end soon.
  virtual void tell_stopping() = 0;
  /// Work that was given and has not been started, in order. It is the caller's again.
  virtual std::vector<wire::Frame> take_back() = 0;
  /// What runs now; zero: nothing (or the driver). A moment old. So are the next two.
  [[nodiscard]] virtual TaskId running() const = 0;
  /// Whether it waits for a reply.
  [[nodiscard]] virtual bool waiting() const = 0;
  /// The actor with whose full mailbox it waits; zero: none.
  [[nodiscard]] virtual ActorId waiting_for_room() const = 0;
  /// When it began, nanoseconds of the steady clock.
  [[nodiscard]] virtual std::int64_t running_since() const { return 0; }
  /// How long it may take, nanoseconds; 0: for ever.
  [[nodiscard]] virtual std::int64_t time_limit() const { return 0; }
  /// Ends the lane under its work, which is told as a loss. False: it cannot be done (a thread).
  virtual bool kill() { return false; }
  /// Of a lane that was lost: the work it had begun and not finished.
  virtual std::optional<wire::Frame> take_unfinished() { return std::nullopt; }
  /// Starts nothing further; whoever waits in a call of crema's gets LaneStopped.
  virtual void stop() = 0;
  /// After stop(): whether user code has come back, so that the lane can be destroyed.
  [[nodiscard]] virtual bool stopped() const = 0;
};

/// The lane's own side. Used on the thread that runs user code, except post, which any thread may call.
class Channel {
 public:
  virtual ~Channel() = default;

  /// Waits; wakes the loop first if frames were posted that did not. Empty: the lane is to end.
  virtual std::optional<wire::Frame> next_work() = 0;
  /// Waits. Throws LaneStopped.
  virtual wire::Frame next_reply() = 0;
  virtual std::optional<wire::Frame> poll_reply() = 0;
  [[nodiscard]] virtual bool cancelled(TaskId id) = 0;
  /// Whether tell_stopping was called.
  [[nodiscard]] virtual bool stopping() = 0;
  virtual void post(wire::Frame frame, bool wake) = 0;
  /// For Lane::running and Lane::waiting_for_room.
  virtual void runs(TaskId id) = 0;
  virtual void waits_for_room(ActorId actor) = 0;
  /// For Lane::time_limit, of what runs next; 0: none.
  virtual void limit_time(std::int64_t nanoseconds) { static_cast<void>(nanoseconds); }
};

/// Thrown out of a waiting call when the job ends under it. User code should let it pass.
class LaneStopped : public Error {
 public:
  LaneStopped() : Error{"waiting for a result: the job is ending, the result will not come"} {}
};

/// Who a lane is.
struct Identity {
  RankId rank;
  LaneId lane;
  std::string host;
  std::uint64_t seed = 0;      ///< of the run's random numbers
  bool isolated = false;       ///< tasks of this run have processes of their own
  bool keeps_history = false;  ///< the head does, for which large results need digests
  bool resumes = false;        ///< the run goes on from what an earlier start has done
  /// Calls of an actor after which it tells its state, at least (Snapshots).
  std::uint64_t calls_between_states = 1000;
};

/// What a lane does with its channel until next_work is empty; returns when the lane ends.
using Main = std::function<void(const Identity&, Channel&)>;

/// Starts lanes of one kind (threads, processes) for one rank.
class Factory {
 public:
  virtual ~Factory() = default;
  /// Throws Error when the system refuses another lane.
  virtual std::unique_ptr<Lane> start(LaneId id, Main main) = 0;
};

}  // namespace crema::lane
