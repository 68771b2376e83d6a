#include "history/records.hpp"

#include "crema/errors.hpp"
#include "journal/blob.hpp"
#include "wire/payload.hpp"

namespace crema::history {

using wire::PayloadReader;

namespace {

void put_large(ByteBuffer& out, const Large& large) {
  out.put(large.size);
  if (large.size == 0) return;
  out.put(large.digest);
  out.put(large.blob);
}

Large get_large(PayloadReader& in) {
  Large large{.size = in.get<std::uint64_t>()};
  if (large.size == 0) return large;
  large.digest = in.get<Digest>();
  large.blob = in.get<std::uint64_t>();
  return large;
}

}  // namespace

ByteBuffer write(const Function& function) {
  ByteBuffer out;
  out.put(function.number);
  out.put(function.index);
  out.put_text(function.mangled);
  return out;
}

Function read_function(const Bytes& payload) {
  PayloadReader in{payload};
  Function function;
  function.number = in.get<FunctionId>();
  function.index = in.get<std::uint32_t>();
  function.mangled = wire::text(in);
  return function;
}

ByteBuffer write(const Task& task) {
  ByteBuffer out;
  out.put(task.key);
  out.put(task.parent);
  out.put(task.kept);
  out.put(task.source);
  put_large(out, task.large);
  wire::put_list(out, task.carried);
  wire::put_list(out, task.inputs);
  out.put_sized(task.submission.span());
  out.put(static_cast<std::uint32_t>(task.children.size()));
  for (const Bytes& child : task.children) out.put_sized(child.span());
  return out;
}

Task read_task(const Bytes& payload) {
  PayloadReader in{payload};
  Task task;
  task.key = in.get<TaskKey>();
  task.parent = in.get<TaskKey>();
  const auto kept = in.get<std::uint8_t>();
  if (kept > static_cast<std::uint8_t>(Task::Kept::blob))
    throw Error{"reading a task's record: it says that " + std::to_string(kept) +
                " is kept of it, which this version does not know"};
  task.kept = static_cast<Task::Kept>(kept);
  task.source = in.get<TaskKey>();
  task.large = get_large(in);
  task.carried = wire::get_list<Named<TaskId>>(in);
  task.inputs = wire::get_list<TaskKey>(in);
  task.submission = in.get_sized();
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) task.children.push_back(in.get_sized());
  task.value = wire::rest(in);
  return task;
}

std::optional<BlobName> blob_of(const journal::Record& record) {
  if (record.type == journal::RecordType::task) {
    Task task = read_task(record.payload);
    if (task.kept == Task::Kept::blob) return BlobName{task.key, task.large};
  } else if (record.type == journal::RecordType::value) {
    StoredValue stored = read_stored_value(record.payload);
    if (stored.large.size > 0) return BlobName{stored.key, stored.large};
  }
  return std::nullopt;
}

std::string blob_damage(const BlobName& blob, const std::filesystem::path& folder) {
  return journal::blob_damage(folder / journal::blob_name(blob.key, blob.large.blob), blob.large.size,
                              blob.large.digest);
}

ByteBuffer write(const Order& order) {
  ByteBuffer out;
  out.put(order.key);
  return out;
}

Order read_order(const Bytes& payload) { return {PayloadReader{payload}.get<TaskKey>()}; }

ByteBuffer write(const StoredValue& value) {
  ByteBuffer out;
  out.put(value.key);
  put_large(out, value.large);
  wire::put_list(out, value.carried);
  return out;
}

StoredValue read_stored_value(const Bytes& payload) {
  PayloadReader in{payload};
  StoredValue value;
  value.key = in.get<TaskKey>();
  value.large = get_large(in);
  value.carried = wire::get_list<Named<TaskId>>(in);
  value.value = wire::rest(in);
  return value;
}

ByteBuffer write(const Call& call) {
  ByteBuffer out;
  out.put(call.caller);
  wire::put_list(out, call.carried);
  out.append(call.payload.span());
  return out;
}

Call read_call(const Bytes& payload) {
  PayloadReader in{payload};
  Call call;
  call.caller = in.get<TaskKey>();
  call.carried = wire::get_list<Named<TaskId>>(in);
  call.payload = wire::rest(in);
  return call;
}

ByteBuffer write(const Creation& creation) {
  ByteBuffer out;
  out.put(creation.caller);
  out.append(creation.payload.span());
  return out;
}

Creation read_creation(const Bytes& payload) {
  PayloadReader in{payload};
  Creation creation;
  creation.caller = in.get<TaskKey>();
  creation.payload = wire::rest(in);
  return creation;
}

ByteBuffer write(const FailedCall& failed) {
  ByteBuffer out;
  out.put(failed.key);
  out.put(static_cast<std::uint8_t>(failed.ended_lane));
  return out;
}

FailedCall read_failed_call(const Bytes& payload) {
  PayloadReader in{payload};
  FailedCall failed;
  failed.key = in.get<TaskKey>();
  failed.ended_lane = in.get<std::uint8_t>() != 0;
  failed.failure = wire::rest(in);
  return failed;
}

ByteBuffer write(const Checkpoint& checkpoint) {
  ByteBuffer out;
  out.put(checkpoint.key);
  out.put(static_cast<std::uint32_t>(checkpoint.children.size()));
  for (const Bytes& child : checkpoint.children) out.put_sized(child.span());
  return out;
}

Checkpoint read_checkpoint(const Bytes& payload) {
  PayloadReader in{payload};
  Checkpoint checkpoint;
  checkpoint.key = in.get<TaskKey>();
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) checkpoint.children.push_back(in.get_sized());
  checkpoint.kept = wire::rest(in);
  return checkpoint;
}

ByteBuffer write(const Called& called) {
  ByteBuffer out;
  out.put(called.key);
  out.put(called.parent);
  return out;
}

Called read_called(const Bytes& payload) {
  PayloadReader in{payload};
  Called called;
  called.key = in.get<TaskKey>();
  called.parent = in.get<TaskKey>();
  return called;
}

ByteBuffer write(const Answer& answer) {
  ByteBuffer out;
  out.put(answer.caller);
  out.put(answer.ordinal);
  wire::put_list(out, answer.places);
  return out;
}

Answer read_answer(const Bytes& payload) {
  PayloadReader in{payload};
  Answer answer;
  answer.caller = in.get<TaskKey>();
  answer.ordinal = in.get<std::uint32_t>();
  answer.places = wire::get_list<std::uint32_t>(in);
  return answer;
}

}  // namespace crema::history
