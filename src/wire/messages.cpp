#include "wire/messages.hpp"

namespace crema::wire {
namespace {

/// Reads a payload that outlives it, as ByteReader does, without counting a reference of its own.
class PayloadReader {
 public:
  explicit PayloadReader(const Bytes& payload) : payload_{payload} {}
  PayloadReader(Bytes&&) = delete;

  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  const std::byte* take(std::size_t size) {
    if (size > remaining()) {
      throw Error{"reading a message: " + std::to_string(size) + " bytes were expected at offset " +
                  std::to_string(position_) + " of " + std::to_string(payload_.size()) +
                  "; the message is damaged or the ranks run different programs"};
    }
    return payload_.data() + std::exchange(position_, position_ + size);
  }
  Bytes get_bytes(std::size_t size) {
    take(size);
    return payload_.slice(position_ - size, size);
  }
  Bytes get_sized() { return get_bytes(get<std::uint64_t>()); }
  std::string_view get_text() {
    const auto size = get<std::uint64_t>();
    return {reinterpret_cast<const char*>(take(size)), size};
  }
  [[nodiscard]] std::size_t remaining() const { return payload_.size() - position_; }

 private:
  const Bytes& payload_;
  std::size_t position_ = 0;
};

template <class Reader>
std::string text(Reader& in) {
  return std::string{in.get_text()};
}
Bytes rest(PayloadReader& in) { return in.get_bytes(in.remaining()); }

template <class Item>
void put_list(ByteBuffer& out, const std::vector<Item>& items) {
  out.put(static_cast<std::uint32_t>(items.size()));
  out.append(std::as_bytes(std::span{items}));
}
template <class Item>
std::vector<Item> get_list(PayloadReader& in) {
  std::vector<Item> items;
  const auto count = in.get<std::uint32_t>();
  if (count == 0) return items;
  const std::byte* source = in.take(std::size_t{count} * sizeof(Item));
  items.resize(count);
  std::memcpy(static_cast<void*>(items.data()), source, items.size() * sizeof(Item));
  return items;
}

std::size_t size_of(const Arguments& arguments) {
  return 16 + arguments.inputs.size() * sizeof(Input) + arguments.carried.size() * sizeof(TaskId) +
         arguments.bytes.size();
}
void put_arguments(ByteBuffer& out, const Arguments& arguments) {
  put_list(out, arguments.inputs);
  put_list(out, arguments.carried);
  out.put_sized(arguments.bytes.span());
}
Arguments get_arguments(PayloadReader& in) {
  Arguments arguments;
  arguments.inputs = get_list<Input>(in);
  arguments.carried = get_list<TaskId>(in);
  arguments.bytes = in.get_sized();
  return arguments;
}

template <class Reader>
Resources get_resources(Reader& in) {
  Resources resources;
  resources.cpus = in.template get<double>();
  resources.gpus = in.template get<double>();
  for (auto left = in.template get<std::uint32_t>(); left > 0; --left) {
    std::string name = text(in);
    resources.custom.emplace(std::move(name), in.template get<double>());
  }
  return resources;
}

void put_occupation(ByteBuffer& out, const std::optional<Occupation>& occupation) {
  out.put(static_cast<std::uint8_t>(occupation.has_value()));
  if (!occupation) return;
  write_resources(out, occupation->resources);
  out.put(static_cast<std::uint32_t>(occupation->gpus.size()));
  for (const std::string& gpu : occupation->gpus) out.put_text(gpu);
}
std::optional<Occupation> get_occupation(PayloadReader& in) {
  if (in.get<std::uint8_t>() == 0) return std::nullopt;
  Occupation occupation{get_resources(in), {}};
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) occupation.gpus.push_back(text(in));
  return occupation;
}

void put_location(ByteBuffer& out, const ObjectLocation& location) {
  out.put(location.id);
  out.put(location.size);
  out.put(location.rank);
}
ObjectLocation get_location(PayloadReader& in) {
  ObjectLocation location;
  location.id = in.get<TaskId>();
  location.size = in.get<std::uint64_t>();
  location.rank = in.get<RankId>();
  return location;
}

}  // namespace

void write_resources(ByteBuffer& out, const Resources& resources) {
  out.put(resources.cpus);
  out.put(resources.gpus);
  out.put(static_cast<std::uint32_t>(resources.custom.size()));
  for (const auto& [name, amount] : resources.custom) {
    out.put_text(name);
    out.put(amount);
  }
}

Resources read_resources(ByteReader& in) { return get_resources(in); }

ByteBuffer write(const TaskSpec& task) {
  ByteBuffer out{72 + task.label.size() + size_of(task.arguments)};
  out.put(task.id);
  out.put(task.key);
  out.put(task.parent);
  out.put(task.function);
  out.put(task.priority);
  out.put(task.depth);
  out.put(task.attempt);
  out.put_text(task.label);
  put_occupation(out, task.occupation);
  put_arguments(out, task.arguments);
  for (const InputValue& value : task.values) {
    out.put(static_cast<std::uint8_t>(value.here));
    if (value.here) {
      out.put_sized(value.bytes.span());
    } else {
      put_location(out, value.location);
    }
  }
  return out;
}

TaskSpec read_task(const Bytes& payload) {
  PayloadReader in{payload};
  TaskSpec task;
  task.id = in.get<TaskId>();
  task.key = in.get<TaskKey>();
  task.parent = in.get<TaskId>();
  task.function = in.get<FunctionId>();
  task.priority = in.get<std::int32_t>();
  task.depth = in.get<std::uint32_t>();
  task.attempt = in.get<std::uint32_t>();
  task.label = text(in);
  task.occupation = get_occupation(in);
  task.arguments = get_arguments(in);
  while (in.remaining() > 0) {
    InputValue& value = task.values.emplace_back();
    value.here = in.get<std::uint8_t>() != 0;
    if (value.here) {
      value.bytes = in.get_sized();
    } else {
      value.location = get_location(in);
    }
  }
  return task;
}

std::vector<ObjectLocation> read_large_inputs(const Bytes& payload) {
  std::vector<ObjectLocation> locations;
  for (const InputValue& value : read_task(payload).values)
    if (!value.here) locations.push_back(value.location);
  return locations;
}

ByteBuffer write(const Located& located) {
  ByteBuffer out;
  out.put(located.wanted);
  put_location(out, located.location);
  return out;
}

Located read_located(const Bytes& payload) {
  PayloadReader in{payload};
  Located located;
  located.wanted = in.get<TaskId>();
  located.location = get_location(in);
  return located;
}

TaskHead read_task_head(const Bytes& payload) {
  PayloadReader in{payload};
  TaskHead task;
  task.id = in.get<TaskId>();
  task.key = in.get<TaskKey>();
  task.parent = in.get<TaskId>();
  task.function = in.get<FunctionId>();
  task.order.priority = in.get<std::int32_t>();
  task.order.depth = in.get<std::uint32_t>();
  in.take(sizeof(std::uint32_t));
  const bool plain = in.get<std::uint64_t>() == 0 && in.get<std::uint8_t>() == 0;
  task.plain = plain && in.get<std::uint32_t>() == 0 && in.get<std::uint32_t>() == 0;
  return task;
}

OutcomeTimes read_outcome_times(const Bytes& payload) {
  PayloadReader in{payload};
  OutcomeTimes times;
  times.id = in.get<TaskId>();
  in.take(sizeof(TaskId));
  times.actor = in.get<ActorId>();
  in.take(sizeof(FunctionId));
  times.is_call = in.get<std::uint8_t>() == static_cast<std::uint8_t>(Outcome::Work::call);
  in.take(2 * sizeof(std::uint8_t) + 2 * sizeof(std::uint32_t));
  times.started = in.get<std::int64_t>();
  times.finished = in.get<std::int64_t>();
  return times;
}

RunOrder read_run_order(const Bytes& payload) {
  PayloadReader in{payload};
  in.take(2 * sizeof(TaskId) + sizeof(TaskKey) + sizeof(FunctionId));
  RunOrder order;
  order.priority = in.get<std::int32_t>();
  order.depth = in.get<std::uint32_t>();
  return order;
}

ByteBuffer write(const CallSpec& call) {
  ByteBuffer out{48 + size_of(call.arguments)};
  out.put(call.id);
  out.put(call.key);
  out.put(call.parent);
  out.put(call.actor);
  out.put(call.method);
  out.put(call.depth);
  put_arguments(out, call.arguments);
  return out;
}

CallSpec read_call(const Bytes& payload) {
  PayloadReader in{payload};
  CallSpec call;
  call.id = in.get<TaskId>();
  call.key = in.get<TaskKey>();
  call.parent = in.get<TaskId>();
  call.actor = in.get<ActorId>();
  call.method = in.get<FunctionId>();
  call.depth = in.get<std::uint32_t>();
  call.arguments = get_arguments(in);
  return call;
}

ByteBuffer write(const ActorSpec& actor) {
  ByteBuffer out{80 + actor.name.size() + actor.class_name.size() + size_of(actor.arguments)};
  out.put(actor.id);
  out.put(actor.key);
  out.put(actor.parent);
  out.put(actor.constructor);
  out.put_text(actor.name);
  out.put_text(actor.class_name);
  out.put(actor.max_pending_calls);
  put_occupation(out, actor.occupation);
  put_arguments(out, actor.arguments);
  return out;
}

ActorSpec read_actor(const Bytes& payload) {
  PayloadReader in{payload};
  ActorSpec actor;
  actor.id = in.get<ActorId>();
  actor.key = in.get<TaskKey>();
  actor.parent = in.get<TaskId>();
  actor.constructor = in.get<FunctionId>();
  actor.name = text(in);
  actor.class_name = text(in);
  actor.max_pending_calls = in.get<std::uint64_t>();
  actor.occupation = get_occupation(in);
  actor.arguments = get_arguments(in);
  return actor;
}

ByteBuffer write(const Accepted& accepted) {
  ByteBuffer out;
  out.put(accepted.actor);
  out.put(accepted.calls);
  return out;
}

Accepted read_accepted(const Bytes& payload) {
  ByteReader in{payload};
  Accepted accepted;
  accepted.actor = in.get<ActorId>();
  accepted.calls = in.get<std::uint32_t>();
  return accepted;
}

ByteBuffer write(const Pool& pool) {
  ByteBuffer out;
  out.put(pool.id);
  put_list(out, pool.members);
  return out;
}

Pool read_pool(const Bytes& payload) {
  PayloadReader in{payload};
  Pool pool;
  pool.id = in.get<ActorId>();
  pool.members = get_list<ActorId>(in);
  return pool;
}

ByteBuffer write(const Outcome& outcome) {
  ByteBuffer out{88 + outcome.carried.size() * sizeof(TaskId) + outcome.value.size()};
  out.put(outcome.id);
  out.put(outcome.parent);
  out.put(outcome.actor);
  out.put(outcome.function);
  out.put(outcome.work);
  out.put(static_cast<std::uint8_t>(outcome.failed));
  out.put(static_cast<std::uint8_t>(outcome.forwards));
  out.put(outcome.attempt);
  out.put(outcome.calls_made);
  out.put(outcome.started);
  out.put(outcome.finished);
  out.put(outcome.bytes_in);
  out.put(outcome.stored);
  put_list(out, outcome.carried);
  out.append(outcome.value.span());
  return out;
}

Outcome read_outcome(const Bytes& payload) {
  PayloadReader in{payload};
  Outcome outcome;
  outcome.id = in.get<TaskId>();
  outcome.parent = in.get<TaskId>();
  outcome.actor = in.get<ActorId>();
  outcome.function = in.get<FunctionId>();
  const auto work = in.get<std::uint8_t>();
  if (work > static_cast<std::uint8_t>(Outcome::Work::construction))
    throw Error{"reading an outcome: unknown kind of work " + std::to_string(work)};
  outcome.work = static_cast<Outcome::Work>(work);
  outcome.failed = in.get<std::uint8_t>() != 0;
  outcome.forwards = in.get<std::uint8_t>() != 0;
  outcome.attempt = in.get<std::uint32_t>();
  outcome.calls_made = in.get<std::uint32_t>();
  outcome.started = in.get<std::int64_t>();
  outcome.finished = in.get<std::int64_t>();
  outcome.bytes_in = in.get<std::uint64_t>();
  outcome.stored = in.get<std::uint64_t>();
  outcome.carried = get_list<TaskId>(in);
  outcome.value = rest(in);
  return outcome;
}

ByteBuffer write(const Pull& pull) {
  ByteBuffer out;
  out.put(pull.slots);
  out.put(pull.parked);
  out.put(pull.parked_with_resources);
  out.put(pull.parked_cpus);
  return out;
}

Pull read_pull(const Bytes& payload) {
  PayloadReader in{payload};
  Pull pull;
  pull.slots = in.get<std::uint32_t>();
  pull.parked = in.get<std::uint32_t>();
  pull.parked_with_resources = in.get<std::uint32_t>();
  pull.parked_cpus = in.get<double>();
  return pull;
}

ByteBuffer write(const Value& value) {
  ByteBuffer out{16 + value.bytes.size()};
  out.put(value.id);
  out.put(static_cast<std::uint8_t>(value.failed));
  out.append(value.bytes.span());
  return out;
}

Value read_value(const Bytes& payload) {
  PayloadReader in{payload};
  Value value;
  value.id = in.get<TaskId>();
  value.failed = in.get<std::uint8_t>() != 0;
  value.bytes = rest(in);
  return value;
}

ByteBuffer write(const Reply& reply) {
  ByteBuffer out;
  out.put_text(reply.error);
  out.append(reply.bytes.span());
  return out;
}

Reply read_reply(const Bytes& payload) {
  PayloadReader in{payload};
  Reply reply;
  reply.error = text(in);
  reply.bytes = rest(in);
  return reply;
}

ByteBuffer write(const RankReport& report) {
  ByteBuffer out;
  out.put(report.busy_seconds);
  out.put(report.idle_seconds);
  out.put(report.tasks);
  out.put(report.peak_rss_bytes);
  return out;
}

RankReport read_report(const Bytes& payload) {
  PayloadReader in{payload};
  RankReport report;
  report.busy_seconds = in.get<double>();
  report.idle_seconds = in.get<double>();
  report.tasks = in.get<std::uint64_t>();
  report.peak_rss_bytes = in.get<std::uint64_t>();
  return report;
}

ByteBuffer write(const ActorLocation& location) {
  ByteBuffer out;
  out.put(location.actor);
  out.put(location.rank);
  return out;
}

ActorLocation read_location(const Bytes& payload) {
  PayloadReader in{payload};
  ActorLocation location;
  location.actor = in.get<ActorId>();
  location.rank = in.get<RankId>();
  return location;
}

ByteBuffer write(const Put& put) {
  ByteBuffer out{24 + put.carried.size() * sizeof(TaskId) + put.value.size()};
  out.put(put.id);
  out.put(static_cast<std::uint8_t>(put.failed));
  out.put(put.stored);
  put_list(out, put.carried);
  out.append(put.value.span());
  return out;
}

Put read_put(const Bytes& payload) {
  PayloadReader in{payload};
  Put put;
  put.id = in.get<TaskId>();
  put.failed = in.get<std::uint8_t>() != 0;
  put.stored = in.get<std::uint64_t>();
  put.carried = get_list<TaskId>(in);
  put.value = rest(in);
  return put;
}

ByteBuffer write(const Wait& wait) {
  ByteBuffer out{16 + wait.ids.size() * sizeof(TaskId)};
  out.put(wait.count);
  out.put(wait.timeout);
  put_list(out, wait.ids);
  return out;
}

Wait read_wait(const Bytes& payload) {
  PayloadReader in{payload};
  Wait wait;
  wait.count = in.get<std::uint32_t>();
  wait.timeout = in.get<std::int64_t>();
  wait.ids = get_list<TaskId>(in);
  return wait;
}

ByteBuffer write_ids(const std::vector<TaskId>& ids) {
  ByteBuffer out{ids.size() * sizeof(TaskId)};
  out.append(std::as_bytes(std::span{ids}));
  return out;
}

std::vector<TaskId> read_ids(const Bytes& payload) {
  std::vector<TaskId> ids(payload.size() / sizeof(TaskId));
  if (!ids.empty()) std::memcpy(static_cast<void*>(ids.data()), payload.data(), ids.size() * sizeof(TaskId));
  return ids;
}

void write_failure(ByteBuffer& out, const Failure& failure) {
  out.put(failure.kind);
  out.put_text(failure.function);
  out.put(failure.task);
  out.put(failure.attempt);
  out.put(failure.rank);
  out.put_text(failure.host);
  out.put_text(failure.type);
  out.put_text(failure.message);
  out.put_text(failure.place.file);
  out.put(failure.place.line);
  out.put_text(failure.place.column);
  out.put_text(failure.place.expected);
  out.put_text(failure.place.found);
}

Failure read_failure(ByteReader& in) {
  Failure failure;
  failure.kind = in.get<Failure::Kind>();
  failure.function = text(in);
  failure.task = in.get<TaskId>();
  failure.attempt = in.get<std::uint32_t>();
  failure.rank = in.get<RankId>();
  failure.host = text(in);
  failure.type = text(in);
  failure.message = text(in);
  failure.place.file = text(in);
  failure.place.line = in.get<std::uint64_t>();
  failure.place.column = text(in);
  failure.place.expected = text(in);
  failure.place.found = text(in);
  return failure;
}

}  // namespace crema::wire
