#include "wire/messages.hpp"

#include "wire/payload.hpp"

namespace crema::wire {

void PayloadReader::truncated(std::size_t wanted) const {
  throw Error{"reading a message: " + std::to_string(wanted) + " bytes were expected at offset " +
              std::to_string(position_) + " of " + std::to_string(payload_.size()) +
              "; the message is damaged or the ranks run different programs"};
}

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
  ByteBuffer out{73 + task.label.size() + size_of(task.arguments)};
  out.put(task.id);
  out.put(task.key);
  out.put(task.parent);
  out.put(task.function);
  out.put(task.priority);
  out.put(task.depth);
  out.put(task.attempt);
  out.put_text(task.label);
  put_occupation(out, task.occupation);
  put_terms(out, task.terms);
  put_arguments(out, task.arguments);
  for (const InputValue& value : task.values) {
    out.put(static_cast<std::uint8_t>(value.here));
    if (value.here) {
      out.put_sized(value.bytes.span());
    } else {
      put_location(out, value.location);
    }
  }
  if (!task.stored_before.empty()) put_list(out, task.stored_before);
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
  task.terms = get_terms(in);
  task.arguments = get_arguments(in);
  for (std::size_t i = 0; i < task.arguments.inputs.size() && in.remaining() > 0; ++i) {
    InputValue& value = task.values.emplace_back();
    value.here = in.get<std::uint8_t>() != 0;
    if (value.here) {
      value.bytes = in.get_sized();
    } else {
      value.location = get_location(in);
    }
  }
  if (in.remaining() > 0) task.stored_before = get_list<Named<TaskId>>(in);
  return task;
}

std::vector<ObjectLocation> read_large_inputs(const Bytes& payload) {
  std::vector<ObjectLocation> locations;
  for (const InputValue& value : read_task(payload).values)
    if (!value.here) locations.push_back(value.location);
  return locations;
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
  const bool plain = in.get<std::uint64_t>() == 0 && in.get<std::uint16_t>() == 0;
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
  in.take(2 * sizeof(std::uint8_t) + 3 * sizeof(std::uint32_t));
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

ByteBuffer write(const Outcome& outcome) {
  ByteBuffer out{92 + outcome.carried.size() * sizeof(Named<TaskId>) + outcome.value.size()};
  out.put(outcome.id);
  out.put(outcome.parent);
  out.put(outcome.actor);
  out.put(outcome.function);
  out.put(outcome.work);
  out.put(static_cast<std::uint8_t>(outcome.failed));
  out.put(static_cast<std::uint8_t>(outcome.forwards));
  out.put(outcome.attempt);
  out.put(outcome.calls_made);
  out.put(outcome.durable_calls);
  out.put(outcome.started);
  out.put(outcome.finished);
  out.put(outcome.bytes_in);
  out.put(outcome.stored);
  if (outcome.stored > 0) {
    out.put(outcome.digest);
    out.put(outcome.blob);
  }
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
  outcome.durable_calls = in.get<std::uint32_t>();
  outcome.started = in.get<std::int64_t>();
  outcome.finished = in.get<std::int64_t>();
  outcome.bytes_in = in.get<std::uint64_t>();
  outcome.stored = in.get<std::uint64_t>();
  if (outcome.stored > 0) {
    outcome.digest = in.get<Digest>();
    outcome.blob = in.get<std::uint64_t>();
  }
  outcome.carried = get_list<Named<TaskId>>(in);
  outcome.value = rest(in);
  return outcome;
}

ByteBuffer write(const Pull& pull) {
  ByteBuffer out;
  out.put(pull.slots);
  out.put(pull.parked);
  out.put(pull.parked_with_resources);
  out.put(pull.parked_cpus);
  out.put(pull.deeper_than);
  return out;
}

Pull read_pull(const Bytes& payload) {
  PayloadReader in{payload};
  Pull pull;
  pull.slots = in.get<std::uint32_t>();
  pull.parked = in.get<std::uint32_t>();
  pull.parked_with_resources = in.get<std::uint32_t>();
  pull.parked_cpus = in.get<double>();
  pull.deeper_than = in.get<std::uint32_t>();
  return pull;
}

Bytes write(const Value& value, BytesSlab& slab) {
  return slab.make(sizeof value.id + 1 + value.bytes.size(), [&value](std::byte* place) {
    std::memcpy(place, &value.id, sizeof value.id);
    place += sizeof value.id;
    *place++ = static_cast<std::byte>(value.failed);
    if (!value.bytes.empty()) std::memcpy(place, value.bytes.data(), value.bytes.size());
  });
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
  out.put(report.lanes_lost);
  return out;
}

RankReport read_report(const Bytes& payload) {
  PayloadReader in{payload};
  RankReport report;
  report.busy_seconds = in.get<double>();
  report.idle_seconds = in.get<double>();
  report.tasks = in.get<std::uint64_t>();
  report.peak_rss_bytes = in.get<std::uint64_t>();
  report.lanes_lost = in.get<std::uint32_t>();
  return report;
}

ByteBuffer write(const Wait& wait) {
  ByteBuffer out{44 + wait.ids.size() * sizeof(TaskId)};
  out.put(wait.by);
  out.put(wait.caller);
  out.put(wait.ordinal);
  out.put(wait.count);
  out.put(wait.timeout);
  put_list(out, wait.ids);
  return out;
}

Wait read_wait(const Bytes& payload) {
  PayloadReader in{payload};
  Wait wait;
  wait.by = in.get<TaskId>();
  wait.caller = in.get<TaskKey>();
  wait.ordinal = in.get<std::uint32_t>();
  wait.count = in.get<std::uint32_t>();
  wait.timeout = in.get<std::int64_t>();
  wait.ids = get_list<TaskId>(in);
  return wait;
}

ByteBuffer write_named(std::span<const Named<TaskId>> values) {
  ByteBuffer out{values.size_bytes()};
  out.append(std::as_bytes(values));
  return out;
}

std::vector<Named<TaskId>> read_named(const Bytes& payload) {
  std::vector<Named<TaskId>> values(payload.size() / sizeof(Named<TaskId>));
  if (!values.empty())
    std::memcpy(static_cast<void*>(values.data()), payload.data(), values.size() * sizeof(Named<TaskId>));
  return values;
}

std::vector<TaskId> ids_of(std::span<const Named<TaskId>> values) {
  std::vector<TaskId> ids;
  ids.reserve(values.size());
  for (const Named<TaskId>& value : values) ids.push_back(value.id);
  return ids;
}

ByteBuffer write(const InputFile& file) {
  ByteBuffer out;
  out.put_text(file.path);
  out.put(file.size);
  out.put(file.modified);
  return out;
}

InputFile read_input(const Bytes& payload) {
  ByteReader in{payload};
  InputFile file;
  file.path = in.get_text();
  file.size = in.get<std::uint64_t>();
  file.modified = in.get<std::int64_t>();
  return file;
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

}  // namespace crema::wire
