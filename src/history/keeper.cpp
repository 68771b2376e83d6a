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

void Keeper::submitted(const wire::TaskHead& task, const Bytes& payload) {
  Following& following = following_[task.id];
  following.key = task.key;
  following.submission = payload;
  if (!task.plain) {
    const wire::TaskSpec spec = wire::read_task(payload);
    following.inputs = inputs_of(spec.arguments);
    following.never = spec.terms && spec.terms->journal == JournalPolicy::never;
  }
  const auto parent = following_.find(task.parent);
  if (parent == following_.end()) return;  // the driver, which runs again
  following.parent = parent->second.key;
  following.parent_id = task.parent;
  parent->second.children.push_back(task.id);
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
  Following& following = following_[call.id];
  following.key = call.key;
  following.parent = caller;
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
  for (auto work = following_.find(by); work != following_.end() && !std::exchange(work->second.called, true);
       work = following_.find(work->second.parent_id)) {
    if (work->second.parent == TaskKey{}) return;
    sink_.append(RecordType::called, write(Called{work->second.key, work->second.parent}).span());
  }
}

TaskKey Keeper::key_of(TaskId work) const {
  const auto found = following_.find(work);
  return found == following_.end() ? TaskKey{} : found->second.key;
}

void Keeper::forwards(TaskId id, TaskKey source) {
  if (const auto task = following_.find(id); task != following_.end()) task->second.source = source;
}

void Keeper::stored_value(const wire::Put& put) {
  if (put.parent == TaskId{}) return;  // the driver stores it again
  if (put.failed || (put.stored > 0 && put.blob == 0)) {
    not_kept_.insert(put.key);
    return;
  }
  const StoredValue stored{.key = put.key, .large = {put.stored, put.digest, put.blob}, .carried = put.carried};
  sink_.append(RecordType::value, write(stored).span(), put.value.span());
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
  const auto task = following_.find(id);
  if (task == following_.end()) return;
  sink_.append(RecordType::order, write(Order{task->second.key}).span());
  forget_failed_children(task->second);
  task->second.failed = failed;
  if (!failed || task->second.call || !following_.contains(task->second.parent_id)) following_.erase(task);
}

void Keeper::call_failed(TaskId id, bool ended_lane, const Bytes& failure) {
  const auto node = following_.extract(id);
  if (node.empty()) return;
  forget_failed_children(node.mapped());
  sink_.append(RecordType::failed_call, write(FailedCall{.key = node.mapped().key, .ended_lane = ended_lane}).span(),
               failure.span());
}

TaskId Keeper::unfinished(TaskKey key) const {
  const auto found = std::find_if(following_.begin(), following_.end(), [&](const auto& following) {
    return following.second.key == key && !following.second.failed;
  });
  return found == following_.end() ? TaskId{} : found->first;
}

void Keeper::heard(TaskId id) {
  const auto task = following_.find(id);
  if (task != following_.end() && task->second.failed) following_.erase(task);
}

void Keeper::forget_failed_children(const Following& parent) {
  for (const TaskId id : parent.children) {
    const auto child = following_.find(id);
    if (child != following_.end() && child->second.failed) following_.erase(child);
  }
}

bool Keeper::end(TaskId id, Task task, const Bytes& value) {
  auto node = following_.extract(id);
  if (node.empty()) return true;
  Following& ended = node.mapped();
  const bool names_what_is_not_kept =
      not_kept_.contains(ended.source) ||
      std::any_of(task.carried.begin(), task.carried.end(),
                  [&](const Named<TaskId>& carried) { return not_kept_.contains(carried.key); });
  if (ended.never || names_what_is_not_kept) {
    not_kept_.insert(ended.key);
    return end_without_value(std::move(node));
  }
  task.key = ended.key;
  task.parent = ended.parent;
  task.inputs = std::move(ended.inputs);
  const bool forwards = ended.source != TaskKey{};
  if (forwards) {
    task.kept = Task::Kept::another;
    task.source = ended.source;
    task.carried.clear();
  } else if (task.kept == Task::Kept::nothing && ended.call) {
    return end_without_value(std::move(node));
  } else if (task.kept == Task::Kept::nothing) {
    task.submission = ended.submission;
    describe(task.submission);
  }
  task.children = unfinished_children(ended);
  forget_failed_children(ended);
  sink_.append(RecordType::task, write(task).span(), forwards ? std::span<const std::byte>{} : value.span());
  return true;
}

bool Keeper::end_without_value(std::unordered_map<TaskId, Following>::node_type ended) {
  Following& following = ended.mapped();
  sink_.append(RecordType::order, write(Order{following.key}).span());
  forget_failed_children(following);
  following.failed = true;
  if (following.call) return false;
  if (following_.contains(following.parent_id)) following_.insert(std::move(ended));
  return true;
}

std::vector<Bytes> Keeper::unfinished_children(const Following& parent) {
  std::vector<Bytes> children;
  for (const TaskId child : parent.children) {
    const auto unfinished = following_.find(child);
    if (unfinished == following_.end()) continue;
    children.push_back(unfinished->second.submission);
    describe(children.back());
  }
  return children;
}

void Keeper::checkpoint(TaskId id, const Bytes& kept) {
  const auto task = following_.find(id);
  if (task == following_.end()) return;
  const Checkpoint record{.key = task->second.key, .children = unfinished_children(task->second)};
  sink_.append(RecordType::checkpoint, write(record).span(), kept.span());
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
