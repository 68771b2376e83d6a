#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/id_table.hpp"
#include "head/actor_directory.hpp"
#include "head/dispatcher.hpp"
#include "head/recorder.hpp"
#include "lane/lane_main.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::head {

/// What the head knows of the machine, for Cluster.
struct Layout {
  int nodes = 1;
  int ranks = 1;
  std::vector<RankId> workers;
  std::vector<RankId> actor_hosts;
};

/// The head: owns the table of tasks and values, hands out work, delivers results. Knows no MPI and no threads: frames
/// in, frames out. Every outcome passes through `complete` before anybody sees it. Used on the event loop's thread.
class Head {
 public:
  /// The monotonic clock in nanoseconds; tests bring their own.
  using Clock = std::int64_t (*)();

  struct Progress {
    std::uint64_t submitted = 0;
    std::uint64_t finished = 0;
    std::uint64_t running = 0;
  };

  /// `run_began`: what the recorded seconds count from, on `clock`. The layout names at least one worker and actor
  /// host.
  Head(wire::Outbox& outbox, Recorder& recorder, Layout layout, std::int64_t run_began, Clock clock);

  /// A frame whose type is the head's. Throws Error when it cannot be understood.
  void on_frame(RankId from, wire::Frame frame);
  /// Sends out what can run. Called once a turn of the loop, after all frames of that turn.
  void turn();
  /// Hands out nothing more: the job ends with what is done.
  void stop_dispatching();

  /// The driver has returned and all work it started, directly or not, is done; or the driver has failed.
  [[nodiscard]] bool finished() const;
  /// Requires finished(). What is still held and failed unheard counts as well; call once.
  int close();
  [[nodiscard]] const std::optional<lane::DriverResult>& driver() const { return driver_; }
  [[nodiscard]] Progress progress() const;
  [[nodiscard]] const ActorDirectory& actors() const { return actors_; }
  /// Failures that nobody asked for, since the last call.
  std::vector<Failure> take_unheard_failures();

 private:
  struct Waiter {
    RankId rank;
    LaneId lane;
  };
  /// One task, call or value.
  struct Entry {
    enum class State : std::uint8_t { expected, ready, sent, done, failed };

    State state = State::expected;
    bool released = false;
    bool asked = false;  ///< somebody wanted the value
    RankId worker;
    TaskId parent;
    std::uint32_t name = 0;
    Dispatcher::Load load;
    std::int64_t submitted = 0;
    Bytes value;
    std::vector<Waiter> waiters;
  };

  void on_submit(const wire::Frame& frame);
  void on_outcome(RankId from, const wire::Frame& frame);
  void on_get(RankId from, const wire::Frame& frame);
  void on_release(const wire::Frame& frame);
  void on_create_actor(RankId from, const wire::Frame& frame);
  void on_find_actor(RankId from, const wire::Frame& frame);
  void on_driver_done(const wire::Frame& frame);

  void complete(TaskId id, Entry& entry, bool failed, const Bytes& value);
  void deliver(TaskId id, const Entry& entry, Waiter waiter);
  void forget_if_unneeded(TaskId id, const Entry& entry);
  void unheard(const Bytes& failure);
  void reply(RankId to, const wire::Frame& request, wire::Reply answer);
  [[nodiscard]] wire::Reply describe_cluster() const;
  void count_calls(TaskId caller, std::int64_t calls);
  double seconds(std::int64_t nanoseconds) const;
  std::int64_t clock_offset(RankId from, std::int64_t finished);
  std::uint32_t name_of(FunctionId function, const std::string& label);

  // Constant after construction.
  wire::Outbox& outbox_;
  Recorder& recorder_;
  const Layout layout_;
  const std::int64_t run_began_;
  const Clock clock_;

  // The event loop's thread only.
  Dispatcher dispatcher_;
  ActorDirectory actors_;
  IdTable<Entry> entries_;
  std::vector<std::uint32_t> function_names_;  // by FunctionId; 0: not named yet, else number + 1
  std::unordered_map<RankId, std::int64_t> clock_offsets_;
  std::unordered_map<TaskId, std::int64_t>
      open_calls_;  // by caller: calls it reported less outcomes that came; no zeros
  std::uint64_t submitted_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t unheard_count_ = 0;
  std::vector<Failure> unheard_;
  std::map<ActorId, Bytes> failed_constructions_;  // an actor nobody called must not fail silently
  std::optional<lane::DriverResult> driver_;
  bool dispatching_ = true;
};

}  // namespace crema::head
