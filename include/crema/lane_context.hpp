#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/cluster.hpp"
#include "crema/ids.hpp"
#include "crema/options.hpp"

namespace crema {

/// How a task or an actor call ended: its encoded value, or its encoded Failure.
struct Result {
  bool failed = false;
  Bytes bytes;
};

/// What runs now on a lane. All zero on the driver.
struct RunningTask {
  TaskId id;
  std::uint32_t attempt = 0;  ///< counts from 0
  std::uint32_t depth = 0;    ///< nesting: the driver's tasks have depth 1
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
  virtual TaskId submit(FunctionId function, const TaskOptions& options, Bytes arguments) = 0;
  /// Returns at once, or after one round trip when the options name the actor. Throws UsageError when the name is
  /// taken.
  virtual ActorId create_actor(FunctionId constructor, const ActorOptions& options, const std::string& class_name,
                               Bytes arguments) = 0;
  /// One round trip. Throws UsageError when no actor of that name and class exists.
  virtual ActorId find_actor(const std::string& name, const std::string& class_name) = 0;
  /// Returns at once. Calls of one lane to one actor apply in the order made.
  virtual TaskId call(ActorId actor, FunctionId method, Bytes arguments) = 0;
  /// Takes a result; false if it is not one that is still awaited.
  using Sink = std::function<bool(TaskId, Result)>;
  /// Waits until `sink` has taken a result for each of these different ids, or a failed one: then the rest may come
  /// never.
  virtual void fetch(std::span<const TaskId> ids, const Sink& sink) = 0;
  /// Whether a result is there now; one round trip.
  virtual bool ready(TaskId id) = 0;
  /// Nobody holds the value any more. Any thread.
  virtual void release(TaskId id) noexcept = 0;
  virtual Cluster cluster() = 0;

  [[nodiscard]] virtual const RunningTask& running() const noexcept = 0;
  [[nodiscard]] virtual RankId rank() const noexcept = 0;
  [[nodiscard]] virtual const std::string& host() const noexcept = 0;

  /// For futures, which may outlive the lane.
  [[nodiscard]] virtual std::shared_ptr<LaneContext> share() = 0;
};

}  // namespace crema
