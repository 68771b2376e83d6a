#include "lane/lane_main.hpp"

#include <cxxabi.h>

#include <array>
#include <chrono>
#include <span>

#include "crema/registry.hpp"
#include "journal/blob.hpp"
#include "lane/environment.hpp"
#include "lane/lane_session.hpp"
#include "lane/snapshots.hpp"
#include "wire/messages.hpp"
#include "wire/parts.hpp"

namespace crema::lane {
namespace {

using wire::FrameType;
using wire::Outcome;

/// Outcomes leave in groups while work is short, and at once when it is not.
constexpr std::chrono::microseconds wake_interval{50};

std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// Ends a task that somebody has cancelled before it began.
struct Cancelled {};

/// Names the exception that is being handled.
Failure describe_current_exception() {
  Failure failure;
  try {
    throw;
  } catch (const Cancelled&) {
    failure.kind = Failure::Kind::cancelled;
    failure.type = "crema::TaskCancelled";
    failure.message = "it was cancelled before it began";
  } catch (const WorkerLost& error) {
    failure.kind = Failure::Kind::worker_lost;
    failure.type = "crema::WorkerLost";
    failure.message = error.what();
  } catch (const DataError& error) {
    failure.kind = Failure::Kind::data;
    failure.place = error.place();
    failure.type = "crema::DataError";
    failure.message = error.what();
  } catch (const std::exception& error) {
    failure.type = demangle(typeid(error).name());
    failure.message = error.what();
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    failure.type = type == nullptr ? "an unknown exception" : demangle(type->name());
  }
  return failure;
}

Bytes encode_failure(const Failure& failure) {
  ByteBuffer out;
  wire::write_failure(out, failure);
  return Bytes{std::move(out)};
}

/// Of a value that is made again where it is needed and must be the same then, but for what it says of itself.
Digest digest_by(const wire::Recognition& recognition, std::span<const std::byte> value) {
  if (recognition.digest) return *recognition.digest;
  const wire::ByteRange differing = recognition.differing;
  if (differing.size == 0) return journal::digest_of(value);
  const std::array ends{journal::digest_of(value.first(differing.offset)),
                        journal::digest_of(value.subspan(differing.offset + differing.size))};
  return journal::digest_of(std::as_bytes(std::span{ends}));
}

/// While work with resources of its own runs.
class Occupied {
 public:
  Occupied(LaneSession& session, const std::optional<wire::Occupation>& occupation) : session_{session} {
    if (!occupation) return;
    environment_.emplace(occupation->resources, occupation->gpus);
    session_.set_gpus(occupation->gpus);
  }
  ~Occupied() {
    if (environment_) session_.set_gpus({});
  }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;

 private:
  LaneSession& session_;
  std::optional<Environment> environment_;
};

/// Runs one piece of work and posts its outcome; `label` is shown instead of the function's name.
class WorkRunner {
 public:
  WorkRunner(const Identity& identity, LaneSession& session) : identity_{identity}, session_{session} {}

  /// `blobs`: the folder for a result that is too large for a record and is to be kept; empty: none is.
  template <class Run>
  void run(Outcome outcome, TaskKey key, std::uint32_t attempt, std::uint32_t depth, const std::string& label,
           const std::string& blobs, Run&& body) {
    attempt_ = attempt;
    session_.begin({outcome.id, key, attempt, depth}, outcome.actor, blobs);
    outcome.started = now();
    run_and_post(outcome, key, label, blobs, std::forward<Run>(body));
    session_.flush_releases();
  }

 private:
  template <class Run>
  void run_and_post(Outcome& outcome, TaskKey key, const std::string& label, const std::string& blobs, Run&& body) {
    ByteBuffer message;
    Bytes large;
    const CarriedFutures carried;  // they are held until the outcome is posted
    wire::take_recognition();      // of what ended with an exception
    try {
      outcome.value = body();
      outcome.carried = carried.ids();
      if (outcome.value.size() > wire::max_value_in_message) {
        outcome.stored = outcome.value.size();
        if (!blobs.empty()) {
          outcome.digest = journal::digest_of(outcome.value.span());
        } else if (identity_.keeps_history) {
          outcome.digest = digest_by(wire::take_recognition(), outcome.value.span());
        }
        // Futures in it have other numbers in another start.
        if (!blobs.empty() && outcome.carried.empty()) outcome.blob = journal::write_blob(blobs, key, outcome.value);
        large = std::exchange(outcome.value, {});
      }
      message = encode(outcome);
    } catch (const LaneStopped&) {
      throw;
    } catch (...) {
      Failure failure = describe_current_exception();
      if (outcome.work != Outcome::Work::task && failure.kind == Failure::Kind::task)
        failure.kind = Failure::Kind::actor;
      failure.function = label.empty() ? FunctionRegistry::at(outcome.function).name : label;
      failure.task = outcome.id;
      failure.attempt = attempt_;
      failure.rank = identity_.rank;
      failure.host = identity_.host;
      outcome.failed = true;
      outcome.stored = 0;
      large = {};
      outcome.carried.clear();
      outcome.value = encode_failure(failure);
      message = encode(outcome);
    }
    const bool wake = outcome.finished - last_wake_ > std::chrono::nanoseconds{wake_interval}.count();
    if (wake) last_wake_ = outcome.finished;
    if (!large.empty()) session_.store(outcome.id, std::move(large));
    // What an actor did to its state is done.
    session_.post(FrameType::outcome, std::move(message), wake,
                  outcome.work == Outcome::Work::task ? session_.early() : 0);
  }

  /// May be more than memory holds: then the work has failed.
  ByteBuffer encode(Outcome& outcome) const {
    outcome.finished = now();
    outcome.calls_made = session_.calls_made();
    outcome.durable_calls = session_.durable_calls();
    return wire::write(outcome);
  }

  const Identity& identity_;
  LaneSession& session_;
  std::uint32_t attempt_ = 0;  // of what runs
  std::int64_t last_wake_ = 0;
};

/// It was told by the same class, unless the program has changed.
void load_state(const RegisteredFunction& constructor, void* object, const Bytes& state) {
  if (constructor.traits.load == nullptr)
    throw Error{
        "going on from a state of the actor that the journal has: its class has no serialize any more; begin anew "
        "with --restart"};
  ByteReader reader{state};
  constructor.traits.load(object, reader);
}

}  // namespace

void run_tasks(const Identity& identity, Channel& channel) try {
  use_usual_threads();
  const auto session = std::make_shared<LaneSession>(identity, channel, true);
  const LaneSession::Scope scope{*session};
  WorkRunner runner{identity, *session};
  while (const auto frame = channel.next_work()) {
    wire::TaskSpec task = wire::read_task(frame->payload);
    channel.limit_time(task.terms ? task.terms->timeout : 0);
    runner.run({.id = task.id,
                .parent = task.parent,
                .function = task.function,
                .forwards = FunctionRegistry::at(task.function).traits.yields_future,
                .attempt = task.attempt,
                .bytes_in = task.arguments.bytes.size()},
               task.key, task.attempt, task.depth, task.label, task.terms ? task.terms->blobs : std::string{}, [&] {
                 if (session->cancelled()) throw Cancelled{};
                 session->stores_again(task.stored_before);
                 const Occupied occupied{*session, task.occupation};
                 ByteReader arguments = session->gather(task.arguments, std::move(task.values));
                 return FunctionRegistry::at(task.function).body(nullptr, arguments);
               });
  }
} catch (const LaneStopped&) {
  // The job ends while this task waited: its outcome is nobody's any more.
}

void run_actor(const Identity& identity, Channel& channel) try {
  use_usual_threads();
  const auto session = std::make_shared<LaneSession>(identity, channel, false);
  const LaneSession::Scope scope{*session};
  WorkRunner runner{identity, *session};
  std::shared_ptr<void> object;
  std::string constructor_error;
  std::optional<wire::Occupation> occupation;
  std::string blobs;
  Snapshots snapshots{identity.calls_between_states, [&](wire::Snapshot snapshot) {
                        session->post(FrameType::snapshot, wire::write(snapshot), false);
                      }};
  while (const auto frame = channel.next_work()) {
    if (frame->header.type == FrameType::start_actor) {
      const wire::ActorSpec actor = wire::read_actor(frame->payload);
      occupation = actor.occupation;
      blobs = actor.blobs;
      runner.run({.id = TaskId{actor.id.number},
                  .parent = actor.parent,
                  .actor = actor.id,
                  .function = actor.constructor,
                  .work = Outcome::Work::construction,
                  .bytes_in = actor.arguments.bytes.size()},
                 actor.key, frame->header.incarnation, 1, actor.class_name, {}, [&] {
                   ByteReader arguments{actor.arguments.bytes};
                   const Occupied occupied{*session, occupation};
                   try {
                     const RegisteredFunction& constructor = FunctionRegistry::at(actor.constructor);
                     Bytes nothing = constructor.body(&object, arguments);
                     if (actor.state) load_state(constructor, object.get(), *actor.state);
                     snapshots.begin(actor.id, constructor, actor.state ? actor.state->size() : 0);
                     return nothing;
                   } catch (...) {
                     const Failure failure = describe_current_exception();
                     constructor_error = failure.type + ": " + failure.message;
                     throw;
                   }
                 });
      continue;
    }
    if (frame->header.type == FrameType::kill_actor) return;
    const wire::CallSpec call = wire::read_call(frame->payload);
    const bool wanted = (frame->header.flags & wire::flag_has_ended) == 0;
    runner.run({.id = call.id,
                .parent = call.parent,
                .actor = call.actor,
                .function = call.method,
                .work = Outcome::Work::call,
                .forwards = FunctionRegistry::at(call.method).traits.yields_future,
                .attempt = frame->header.attempt,
                .bytes_in = call.arguments.bytes.size()},
               call.key, frame->header.incarnation, call.depth, {}, wanted ? blobs : std::string{}, [&] {
                 if (!object) throw Error{"calling an actor whose constructor failed with " + constructor_error};
                 ByteReader arguments{call.arguments.bytes};
                 const Occupied occupied{*session, occupation};
                 return FunctionRegistry::at(call.method).body(object.get(), arguments);
               });
    snapshots.applied(frame->header.acknowledged, frame->payload.size(), object.get());
  }
} catch (const LaneStopped&) {
  // As in run_tasks.
}

Main run_driver(std::function<void()> driver) {
  return [driver = std::move(driver)](const Identity& identity, Channel& channel) {
    const auto session = std::make_shared<LaneSession>(identity, channel, false);
    const LaneSession::Scope scope{*session};
    DriverResult result;
    try {
      driver();
    } catch (...) {
      const Failure failure = describe_current_exception();
      result.type = failure.type;
      result.message = failure.message;
      result.exit_code = failure.kind == Failure::Kind::data || failure.type == "crema::UsageError" ? 2 : 1;
    }
    result.calls_made = session->calls_made();
    session->post(FrameType::driver_done, write(result), true, session->early());
  };
}

ByteBuffer write(const DriverResult& result) {
  ByteBuffer out;
  out.put(result.exit_code);
  out.put(result.calls_made);
  out.put_text(result.type);
  out.put_text(result.message);
  return out;
}

DriverResult read_driver_result(const Bytes& payload) {
  ByteReader in{payload};
  DriverResult result;
  result.exit_code = in.get<std::uint8_t>();
  result.calls_made = in.get<std::uint32_t>();
  result.type = in.get_text();
  result.message = in.get_text();
  return result;
}

}  // namespace crema::lane
