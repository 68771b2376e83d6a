#include "history/keeper.hpp"

#include <algorithm>
#include <utility>

#include "crema/registry.hpp"

namespace crema::history {
namespace {

using journal::RecordType;

Function describe_function(FunctionId id) {
  const std::string& mangled = FunctionRegistry::at(id).mangled;
  std::uint32_t index = 0;
  for (const RegisteredFunction& before : FunctionRegistry::all().first(id.number))
    if (before.mangled == mangled) ++index;
  return {id, index, mangled};
}

std::vector<TaskKey> inputs_of(const Arguments& arguments) {
  std::vector<TaskKey> keys;
  for (const Input& input : arguments.inputs) keys.push_back(input.key);
  for (const Named<TaskId>& carried : arguments.carried) keys.push_back(carried.key);
  return keys;
}

}  // namespace

Keeper::Details& Keeper::Following::make_details() {
  if (!some) some = std::make_unique<Details>();
  return *some;
}

const Keeper::Details& Keeper::Following::details() const {
  static const Details none;
  return some ? *some : none;
}

void Keeper::submitted(const wire::TaskHead& task, const Bytes& payload) {
  Following& following = following_[task.id.number];
  following.key = task.key;
  following.submission = payload;
  if (!task.plain) {
    const wire::TaskSpec spec = wire::read_task(payload);
    if (auto inputs = inputs_of(spec.arguments); !inputs.empty()) following.make_details().inputs = std::move(inputs);
    following.never = spec.terms && spec.terms->journal == JournalPolicy::never;
  }
  Following* parent = following_.find(task.parent.number);
  if (parent == nullptr) return;  // the driver, which runs again
  following.make_details().parent = parent->key;
  following.parent_id = task.parent;
  parent->make_details().children.push_back(task.id);
}

void Keeper::has_place(const wire::CallSpec& call, std::vector<Named<TaskId>> carried) {
  const TaskKey caller = key_of(call.parent);
  tell_called(call.parent);
  describe(call.method);
  Call record{.caller = caller, .carried = std::move(carried)};
  sink_.append(RecordType::call, write(record).span(), wire::write(call).span());
  follow({call.id, call.key}, caller);
}

void Keeper::follow(Named<TaskId> call, TaskKey caller) {
  Following& following = following_[call.id.number];
  following.key = call.key;
  if (caller != TaskKey{}) following.make_details().parent = caller;
  following.call = true;
}

void Keeper::created(const wire::ActorSpec& actor) {
  tell_called(actor.parent);
  describe(actor.constructor);
  sink_.append(RecordType::actor, write(Creation{.caller = key_of(actor.parent)}).span(), wire::write(actor).span());
}

void Keeper::killed(ActorId actor) {
  ByteBuffer payload;
  payload.put(actor);
  sink_.append(RecordType::killed, payload.span());
}

/// So that the way up from the call is known whatever becomes of those on it. Once for each.
void Keeper::tell_called(TaskId by) {
  for (Following* work = following_.find(by.number); work != nullptr && !std::exchange(work->called, true);
       work = following_.find(work->parent_id.number)) {
    const TaskKey parent = work->details().parent;
    if (parent == TaskKey{}) return;
    sink_.append(RecordType::called, write(Called{work->key, parent}).span());
  }
}

TaskKey Keeper::key_of(TaskId work) const {
  const Following* found = following_.find(work.number);
  return found == nullptr ? TaskKey{} : found->key;
}

void Keeper::forwards(TaskId id, TaskKey source) {
  if (Following* task = following_.find(id.number)) task->make_details().source = source;
}

void Keeper::stored_value(const wire::Put& put) {
  if (put.parent == TaskId{}) return;  // the driver stores it again
  if (put.failed || (put.stored > 0 && put.blob == 0)) {
    not_kept_.insert(put.key);
    return append_end(RecordType::order, write(Order{put.key}).span());
  }
  const StoredValue stored{.key = put.key, .large = {put.stored, put.digest, put.blob}, .carried = put.carried};
  append_end(RecordType::value, write(stored).span(), put.value.span());
}

bool Keeper::succeeded(TaskId id, const std::vector<Named<TaskId>>& carried, const Bytes& value) {
  return end(id, {.kept = Task::Kept::value, .carried = carried}, value);
}

bool Keeper::succeeded(TaskId id, Large large) {
  Task task;
  task.kept = large.blob == 0 ? Task::Kept::nothing : Task::Kept::blob;
  task.large = std::move(large);
  return end(id, std::move(task), {});
}

void Keeper::ended(TaskId id, bool failed) {
  Following* task = following_.find(id.number);
  if (task == nullptr) return;
  append_end(RecordType::order, write(Order{task->key}).span());
  forget_failed_children(*task);
  task->failed = failed;
  if (!failed || task->call || following_.find(task->parent_id.number) == nullptr) following_.erase(id.number);
}

void Keeper::call_failed(TaskId id, bool ended_lane, const Bytes& failure) {
  const Following* call = following_.find(id.number);
  if (call == nullptr) return;
  forget_failed_children(*call);
  append_end(RecordType::failed_call, write(FailedCall{.key = call->key, .ended_lane = ended_lane}).span(),
             failure.span());
  following_.erase(id.number);
}

TaskId Keeper::unfinished(TaskKey key) const {
  TaskId found{};
  following_.for_each([&](std::uint64_t number, const Following& following) {
    if (following.key == key && !following.failed) found = TaskId{number};
  });
  return found;
}

void Keeper::heard(TaskId id) {
  const Following* task = following_.find(id.number);
  if (task != nullptr && task->failed) following_.erase(id.number);
}

void Keeper::forget_failed_children(const Following& parent) {
  for (const TaskId id : parent.details().children) heard(id);
}

bool Keeper::end(TaskId id, Task task, const Bytes& value) {
  Following* const found = following_.find(id.number);
  if (found == nullptr) return true;
  Following ended = std::move(*found);
  following_.erase(id.number);
  const TaskKey source = ended.details().source;
  const bool names_what_is_not_kept =
      not_kept_.contains(source) ||
      std::any_of(task.carried.begin(), task.carried.end(),
                  [&](const Named<TaskId>& carried) { return not_kept_.contains(carried.key); });
  if (ended.never || names_what_is_not_kept) {
    not_kept_.insert(ended.key);
    return end_without_value(id, std::move(ended));
  }
  task.key = ended.key;
  if (ended.some) {
    task.parent = ended.some->parent;
    task.inputs = std::move(ended.some->inputs);
  }
  const bool forwards = source != TaskKey{};
  if (forwards) {
    task.kept = Task::Kept::another;
    task.source = source;
    task.carried.clear();
  } else if (task.kept == Task::Kept::nothing && ended.call) {
    return end_without_value(id, std::move(ended));
  } else if (task.kept == Task::Kept::nothing) {
    task.submission = ended.submission;
    describe(task.submission);
  }
  task.children = unfinished_children(ended);
  forget_failed_children(ended);
  append_end(RecordType::task, write(task).span(), forwards ? std::span<const std::byte>{} : value.span());
  return true;
}

bool Keeper::end_without_value(TaskId id, Following ended) {
  append_end(RecordType::order, write(Order{ended.key}).span());
  forget_failed_children(ended);
  ended.failed = true;
  if (ended.call) return false;
  if (following_.find(ended.parent_id.number) != nullptr) following_[id.number] = std::move(ended);
  return true;
}

std::vector<Bytes> Keeper::unfinished_children(const Following& parent) {
  std::vector<Bytes> children;
  for (const TaskId child : parent.details().children) {
    const Following* unfinished = following_.find(child.number);
    if (unfinished == nullptr) continue;
    children.push_back(unfinished->submission);
    describe(children.back());
  }
  return children;
}

void Keeper::checkpoint(TaskId id, const Bytes& kept) {
  const Following* task = following_.find(id.number);
  if (task == nullptr) return;
  const Checkpoint record{.key = task->key, .children = unfinished_children(*task)};
  sink_.append(RecordType::checkpoint, write(record).span(), kept.span());
}

void Keeper::append_end(RecordType type, std::span<const std::byte> payload, std::span<const std::byte> rest) {
  sink_.append(type, payload, rest);
  ++ends_;
}

void Keeper::describe(const Bytes& submission) { describe(wire::read_task_head(submission).function); }

void Keeper::describe(FunctionId function) {
  if (function.number >= described_.size()) described_.resize(function.number + 1);
  if (described_[function.number]) return;
  described_[function.number] = true;
  sink_.append(RecordType::function, write(describe_function(function)).span());
}

void Keeper::snapshot(const wire::Snapshot& snapshot) {
  sink_.append(RecordType::snapshot, wire::write(wire::Snapshot{snapshot.actor, snapshot.place, {}}).span(),
               snapshot.state.span());
}

void Keeper::answered(TaskKey caller, std::uint32_t ordinal, std::vector<std::uint32_t> places) {
  sink_.append(RecordType::answer, write(Answer{caller, ordinal, std::move(places)}).span());
}

}  // namespace crema::history
