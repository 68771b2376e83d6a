#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/bytes_slab.hpp"
#include "common/ready_queue.hpp"
#include "crema/arguments.hpp"
#include "crema/bytes.hpp"
#include "crema/errors.hpp"
#include "crema/ids.hpp"
#include "crema/lane_context.hpp"
#include "crema/options.hpp"
#include "wire/parts.hpp"

// The payloads of the frames. Each message has one write and one read; the byte layout is in src/wire/README.md.
namespace crema::wire {

/// Values up to this size travel to the head in their message; larger ones stay with the rank that made them.
inline constexpr std::size_t max_value_in_message = 64 << 10;

/// A value, or a part of one, in the store of a rank.
struct ObjectLocation {
  ObjectPart object{};
  std::uint64_t size = 0;  ///< of a part: about
  RankId rank{};
};

/// Payload of located: `wanted`, which a lane asked for, is the value of location.id.
struct Located {
  TaskId wanted{};
  ObjectLocation location{};
};
ByteBuffer write(const Located& located);
Located read_located(const Bytes& payload);

/// Payload of moved: what was to be had from a rank that is lost is to be had elsewhere.
struct Moved {
  RankId lost{-1};  ///< -1: from whichever rank it was to come
  ObjectLocation location{};
};
ByteBuffer write(const Moved& moved);
Moved read_moved(const Bytes& payload);

/// A value that goes with a task to its worker.
struct InputValue {
  bool here = true;
  Bytes bytes{};              ///< of a value that is here
  ObjectLocation location{};  ///< of one that is not
};

/// What work occupies besides its lane.
struct Occupation {
  Resources resources{};
  std::vector<std::string> gpus{};  ///< the devices it was given; empty until it is placed
};
void write_resources(ByteBuffer& out, const Resources& resources);
Resources read_resources(ByteReader& in);

/// How often a task is tried, how long one attempt may take, and whether the history keeps its value.
struct Terms {
  std::int32_t max_retries = 3;   ///< attempts after the first, where one was lost
  bool retry_exceptions = false;  ///< one that threw counts as lost
  std::int64_t timeout = 0;       ///< nanoseconds; 0: none
  JournalPolicy journal = JournalPolicy::automatic;
  std::string blobs{};  ///< of `always`, from the head: the folder for a large value; empty: there is no journal

  friend bool operator==(const Terms&, const Terms&) = default;
};

/// A task to run. Payload of submit and run_task.
struct TaskSpec {
  TaskId id{};
  TaskKey key{};
  TaskId parent{};
  FunctionId function{};
  std::int32_t priority = 0;
  std::uint32_t depth = 0;  ///< nesting: deeper tasks run first, so nested work goes depth first
  std::uint32_t attempt = 0;
  std::string label{};                     ///< TaskOptions::name
  std::optional<Occupation> occupation{};  ///< nothing: one CPU
  std::optional<Terms> terms{};            ///< nothing: the defaults
  Arguments arguments{};
  std::vector<InputValue> values{};  ///< of arguments.inputs; empty in submit
  /// Of a further attempt, from the head: what earlier ones have stored with put. It stores that under the same ids.
  std::vector<Named<TaskId>> stored_before{};
};
ByteBuffer write(const TaskSpec& task);
TaskSpec read_task(const Bytes& payload);
/// What the head needs of most tasks.
struct TaskHead {
  TaskId id{};
  TaskKey key{};
  TaskId parent{};
  FunctionId function{};
  RunOrder order{};
  bool plain = false;  ///< no label, no resources or terms of its own, no inputs, no futures in its arguments
};
TaskHead read_task_head(const Bytes& payload);
/// Where those values of a task's inputs are that did not come with it.
std::vector<ObjectLocation> read_large_inputs(const Bytes& payload);
/// The part of a task that decides when it runs.
RunOrder read_run_order(const Bytes& payload);

/// A call of an actor's method. Payload of call.
struct CallSpec {
  TaskId id{};
  TaskKey key{};
  TaskId parent{};
  ActorId actor{};
  FunctionId method{};
  std::uint32_t depth = 0;
  Arguments arguments{};
};
ByteBuffer write(const CallSpec& call);
CallSpec read_call(const Bytes& payload);
/// What of a call those need who pass it on.
struct CallHead {
  TaskId id{};
  TaskKey key{};
  TaskId parent{};
  ActorId actor{};
  FunctionId method{};
  bool has_inputs = false;
  bool has_carried = false;
};
CallHead read_call_head(const Bytes& payload);

/// Payload of create_actor (lane to head) and start_actor (head to host).
struct ActorSpec {
  ActorId id{};
  TaskKey key{};
  TaskId parent{};
  FunctionId constructor{};
  std::string name{};
  std::string class_name{};
  std::uint64_t max_pending_calls = 0;     ///< 0: no bound
  bool durable = true;                     ///< its calls belong into the history, where there is one
  std::string blobs{};                     ///< from the head: the folder for large results of durable calls
  std::uint32_t restarts = 0;              ///< how often it may still be built anew
  std::optional<Occupation> occupation{};  ///< nothing: it takes nothing
  std::optional<Bytes> state{};            ///< from the head: which it has once it is constructed
  Arguments arguments{};
};
ByteBuffer write(const ActorSpec& actor);
ActorSpec read_actor(const Bytes& payload);

/// An actor's state once the first `place` calls of its history are applied. Payload of snapshot.
struct Snapshot {
  ActorId actor{};
  std::uint64_t place = 0;
  Bytes state{};
};
ByteBuffer write(const Snapshot& snapshot);
Snapshot read_snapshot(const Bytes& payload);

/// A call has got its place among its actor's calls. Payload of taken.
struct Taken {
  bool again = false;  ///< a call of this key has a place already, and this one stands for the same
  CallSpec call{};
};
/// `call`: the payload of its frame.
ByteBuffer write_taken(bool again, const Bytes& call);
Taken read_taken(const Bytes& payload);

/// The lane of an actor was lost, which waits to be built anew. Payload of lane_lost, if it was an actor's. Or the
/// actor is lost for good, and a host answers for it. Payload of actor_gone.
struct ActorLost {
  ActorId actor{};
  std::string reason{};
};
ByteBuffer write(const ActorLost& lost);
ActorLost read_actor_lost(const Bytes& payload);

/// A call that has a place among its actor's, and may be made again. Payload of known_calls: many.
struct KnownCall {
  ActorId actor{};
  TaskKey key{};
};
ByteBuffer write_known_calls(std::span<const KnownCall> calls);
std::vector<KnownCall> read_known_calls(const Bytes& payload);

/// So many calls of a lane are in the actor's mailbox now, or have failed. Payload of accepted.
struct Accepted {
  ActorId actor{};
  std::uint32_t calls = 0;
};
ByteBuffer write(const Accepted& accepted);
Accepted read_accepted(const Bytes& payload);

/// Payload of create_pool.
struct Pool {
  ActorId id{};
  std::vector<ActorId> members{};
};
ByteBuffer write(const Pool& pool);
Pool read_pool(const Bytes& payload);

/// How a task, a call or an actor's construction ended. Payload of outcome.
struct Outcome {
  enum class Work : std::uint8_t { task = 0, call = 1, construction = 2 };

  TaskId id{};
  TaskId parent{};
  ActorId actor{};  ///< of calls and constructions
  FunctionId function{};
  Work work = Work::task;
  bool failed = false;
  bool forwards = false;         ///< the value is a future, and the result is that future's value
  std::uint32_t attempt = 0;     ///< of the task; of a call: its caller's
  std::uint32_t calls_made = 0;  ///< actor calls this work sent: the head waits for their outcomes before the job ends
  std::uint32_t durable_calls = 0;  ///< of these, to durable actors
  std::int64_t started = 0;         ///< nanoseconds on the sender's steady clock
  std::int64_t finished = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t stored = 0;              ///< not 0: the result, of so many bytes, is in the store of the rank
  Digest digest{};                       ///< of a stored result
  std::uint64_t blob = 0;                ///< number of the file in the journal that has a stored result; 0: none
  std::vector<Named<TaskId>> carried{};  ///< futures in the value
  Bytes value{};                         ///< the result, or the encoded Failure
};
ByteBuffer write(const Outcome& outcome);
Outcome read_outcome(const Bytes& payload);

/// What the rank where it ran counts.
struct OutcomeTimes {
  TaskId id{};
  ActorId actor{};
  bool is_call = false;
  std::int64_t started = 0;
  std::int64_t finished = 0;
};
OutcomeTimes read_outcome_times(const Bytes& payload);

/// What a worker can take. Payload of pull; sent after the outcomes it takes account of.
struct Pull {
  std::uint32_t slots = 0;                  ///< tasks it runs at a time
  std::uint32_t parked = 0;                 ///< tasks that wait in get and have given up their slot
  std::uint32_t parked_with_resources = 0;  ///< further ones, with resources of their own
  double parked_cpus = 0;                   ///< which these have given up
  std::uint32_t deeper_than = 0;            ///< only tasks of a greater depth can begin
};
ByteBuffer write(const Pull& pull);
Pull read_pull(const Bytes& payload);

/// A result on its way to a lane. Payload of value.
struct Value {
  TaskId id{};
  bool failed = false;
  Bytes bytes{};
};
Bytes write(const Value& value, BytesSlab& slab);
Value read_value(const Bytes& payload);

/// The answer to one request of a lane, matched by FrameHeader::sequence. Payload of reply.
struct Reply {
  std::string error{};  ///< empty: granted; otherwise the message of the UsageError to throw
  Bytes bytes{};
};
ByteBuffer write(const Reply& reply);
Reply read_reply(const Bytes& payload);

/// What a rank tells of itself when it leaves. Payload of goodbye.
struct RankReport {
  double busy_seconds = 0;  ///< in user code, summed over its lanes
  double idle_seconds = 0;
  std::uint64_t tasks = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::uint32_t lanes_lost = 0;  ///< that user code has taken down
};
ByteBuffer write(const RankReport& report);
RankReport read_report(const Bytes& payload);

/// Payload of actor_location; rank -1: there is no such actor.
struct ActorLocation {
  ActorId actor{};
  RankId rank{};
};
ByteBuffer write(const ActorLocation& location);
ActorLocation read_location(const Bytes& payload);

/// A value that somebody stores. Payload of put.
struct Put {
  TaskId id{};
  TaskKey key{};
  TaskId parent{};
  bool failed = false;       ///< it cannot be kept
  std::uint64_t stored = 0;  ///< not 0: the value, of so many bytes, is in the store of the rank
  Digest digest{};           ///< of a stored value
  std::uint64_t blob = 0;    ///< number of the file in the journal that has a stored value; 0: none
  std::vector<Named<TaskId>> carried{};
  Bytes value{};  ///< or the encoded Failure
};
ByteBuffer write(const Put& put);
Put read_put(const Bytes& payload);

/// What a further attempt of a task goes on from.
struct KeptState {
  Bytes progress{};  ///< the lane's: what it has started, its place in the random numbers
  Bytes state{};     ///< the user's
};
ByteBuffer write(const KeptState& kept);
KeptState read_kept_state(const Bytes& payload);

/// Payload of checkpoint; the key alone of restore, whose reply is a KeptState or empty.
struct Checkpoint {
  TaskId task{};
  TaskKey key{};
  std::vector<TaskKey> calls{};  ///< to durable actors, made since this attempt began or kept its last one
  KeptState kept{};
};
ByteBuffer write(const Checkpoint& checkpoint);
Checkpoint read_checkpoint(const Bytes& payload);

/// Payload of wait; the reply holds the places (32 bits each) of those that are there.
struct Wait {
  TaskId by{};                ///< the work that waits
  TaskKey caller{};           ///< its key
  std::uint32_t ordinal = 0;  ///< of its waits, from 1
  std::uint32_t count = 0;
  std::int64_t timeout = -1;  ///< nanoseconds; negative: none
  std::vector<TaskId> ids{};
};
ByteBuffer write(const Wait& wait);
Wait read_wait(const Bytes& payload);

/// Values that stay until work has ended. Payload of pin; its key is zero where nobody makes the work again.
struct Pin {
  Named<TaskId> work{};
  std::vector<TaskId> values{};
};
ByteBuffer write(const Pin& pin);
Pin read_pin(const Bytes& payload);

/// Payload of watch.
ByteBuffer write_named(std::span<const Named<TaskId>> values);
std::vector<Named<TaskId>> read_named(const Bytes& payload);
/// The ids alone.
std::vector<TaskId> ids_of(std::span<const Named<TaskId>> values);

/// Payload of input.
ByteBuffer write(const InputFile& file);
InputFile read_input(const Bytes& payload);

/// Payload of pin (first the call, then what it needs), get, ready, retain, release, cancel, completed and placed.
ByteBuffer write_ids(const std::vector<TaskId>& ids);
ByteBuffer write_parts(const std::vector<ObjectPart>& parts);
std::vector<ObjectPart> read_parts(const Bytes& payload);
std::vector<TaskId> read_ids(const Bytes& payload);

void write_failure(ByteBuffer& out, const Failure& failure);
Failure read_failure(ByteReader& in);

}  // namespace crema::wire
