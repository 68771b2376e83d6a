#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crema/arguments.hpp"
#include "crema/bytes.hpp"
#include "crema/cluster.hpp"
#include "crema/ids.hpp"
#include "crema/options.hpp"
#include "crema/random.hpp"

namespace crema {

/// How a task or an actor call ended: its encoded value, or its encoded Failure.
struct Result {
  bool failed = false;
  Bytes bytes;
  bool large = false;  ///< the rank keeps it, within its memory budget: nobody else should for long
};

/// What runs now on a lane. All zero on the driver.
struct RunningTask {
  TaskId id;
  TaskKey key{};
  std::uint32_t attempt = 0;  ///< counts from 0
  std::uint32_t depth = 0;    ///< nesting: the driver's tasks have depth 1
};

/// What a handle knows of its actor.
struct ActorName {
  ActorId id;
  TaskKey key{};
  std::uint64_t max_pending_calls = 0;  ///< 0: no bound
  bool durable = true;                  ///< ActorOptions::durable
};

/// A file as it was when it was opened.
struct InputFile {
  std::string path;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  ///< nanoseconds of the filesystem's clock

  friend bool operator==(const InputFile&, const InputFile&) = default;
};

/// What the typed API asks of the lane it is called on: everything here is ids and bytes.
/// Thread safety: called on the lane's own thread only, except `release`.
class LaneContext {
 public:
  virtual ~LaneContext() = default;

  /// The context of the calling thread's lane. Throws UsageError outside the driver, tasks and actors: in main before
  /// Job::run, or on a thread that user code started.
  static LaneContext& current();

  /// Returns at once. The value is fetched under the id.
  virtual Named<TaskId> submit(FunctionId function, const TaskOptions& options, Arguments arguments) = 0;
  /// Stores a value that is there. Returns at once, or waits where the disk does not keep up with what is stored.
  /// Throws Error where it did not take what was stored before.
  virtual Named<TaskId> put(Arguments value) = 0;
  /// Returns at once, or after one round trip when the options name the actor. Throws UsageError when the name is
  /// taken.
  virtual ActorName create_actor(FunctionId constructor, const ActorOptions& options, const std::string& class_name,
                                 Arguments arguments) = 0;
  /// Waits up to `timeout` for it to be created. Throws UsageError when no actor of that name and class exists then.
  virtual ActorName find_actor(const std::string& name, const std::string& class_name,
                               std::chrono::nanoseconds timeout) = 0;
  /// Returns at once. Calls that have not begun fail; the one that runs ends as it would.
  virtual void kill_actor(ActorId actor) = 0;
  /// A group of actors that share calls. Returns at once.
  virtual Named<ActorId> create_pool(std::span<const Named<ActorId>> members) = 0;
  /// A call of whichever member is idle first.
  virtual Named<TaskId> call_pool(Named<ActorId> pool, FunctionId method, Arguments arguments) = 0;
  /// Returns at once, or waits for room where the actor's pending calls are bounded. Calls of one lane to one actor
  /// apply in the order made.
  virtual Named<TaskId> call(ActorName actor, FunctionId method, Arguments arguments) = 0;
  /// Takes a result; false if it is not one that is still awaited.
  using Sink = std::function<bool(TaskId, Result)>;
  /// Waits until `sink` has taken a result for each of these different ids, or a failed one: then the rest may come
  /// never.
  virtual void fetch(std::span<const TaskId> ids, const Sink& sink) = 0;
  /// Whether a result is there now; one round trip.
  virtual bool ready(TaskId id) = 0;
  /// Waits until `count` of these (of equal ones: places) are there, failed ones included, or the time is over; no
  /// timeout waits for ever. Returns the places of those that are, in order, at most `count`.
  virtual std::vector<std::uint32_t> wait(std::span<const TaskId> ids, std::size_t count,
                                          std::optional<std::chrono::nanoseconds> timeout) = 0;
  /// Begins to collect these different futures as they complete, those that are there in the order in which they
  /// completed; next_completed of the returned number has them.
  virtual std::uint64_t watch(std::span<const Named<TaskId>> futures) = 0;
  /// Waits for the next of a watch to complete. Requires that one is left.
  virtual TaskId next_completed(std::uint64_t watch) = 0;
  virtual void unwatch(std::uint64_t watch) noexcept = 0;
  /// Tasks that have not begun never will; those that run are told. Returns at once.
  virtual void cancel(TaskId id) = 0;
  /// Whether somebody has cancelled what runs now.
  [[nodiscard]] virtual bool cancelled() const = 0;
  /// Whether the job stops early. Work that has seen it true is taken to end before its time: its value is dropped.
  [[nodiscard]] virtual bool stopping() = 0;
  /// Keeps a state of the task that runs, for an attempt that follows. Returns at once. Throws UsageError outside of
  /// tasks.
  virtual void checkpoint(Bytes state) = 0;
  /// The newest state; what runs goes on from where it was kept. Throws UsageError outside of tasks.
  virtual std::optional<Bytes> restore() = 0;
  /// Somebody on this lane holds the value, who got it from elsewhere.
  virtual void retain(TaskId id) = 0;
  /// A holder of the value is gone. Any thread.
  virtual void release(TaskId id) noexcept = 0;
  virtual Cluster cluster() = 0;
  /// Waits until the disk has what is recorded.
  virtual void sync() = 0;
  /// What follows depends on this file: a resume takes it only as it was. Returns at once.
  virtual void opened(const InputFile& file) = 0;

  /// Whether it is told of large results, by a digest, whether they are the same when they are made again.
  [[nodiscard]] virtual bool keeps_history() const noexcept = 0;
  /// Whether some work may have been done by an earlier start.
  [[nodiscard]] virtual bool resumes() const noexcept = 0;
  [[nodiscard]] virtual const RunningTask& running() const noexcept = 0;
  /// The devices of what runs now.
  [[nodiscard]] virtual const std::vector<std::string>& gpus() const noexcept = 0;
  /// The numbers of the work that runs now; goes on until it ends.
  [[nodiscard]] virtual Random& random() = 0;
  /// --seed.
  [[nodiscard]] virtual std::uint64_t seed() const noexcept = 0;
  [[nodiscard]] virtual RankId rank() const noexcept = 0;
  [[nodiscard]] virtual const std::string& host() const noexcept = 0;

  /// For futures, which may outlive the lane.
  [[nodiscard]] virtual std::shared_ptr<LaneContext> share() = 0;
};

}  // namespace crema
