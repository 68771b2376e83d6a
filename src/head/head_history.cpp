// How the head writes the run's history, and goes on from what earlier starts have written.
#include <cstring>
#include <limits>

#include "head/head.hpp"
#include "history/blob_reader.hpp"

namespace crema::head {
namespace {

using history::Past;
using history::Task;

/// A future in bytes is its id and its key: 24 bytes that nothing else has.
struct Pattern {
  TaskId id;
  TaskKey key;
};

}  // namespace

void Head::keep_history(journal::JournalSink& sink, Past past) {
  keeper_.emplace(sink);
  past_ = std::move(past);
  actors_.keep_history([this](const wire::ActorSpec& actor) { return recorded_calls(actor); });
  if (!past_.empty()) restore_names();
  for (const auto& [actor, calls] : past_.calls())
    for (const Past::Call& call : calls) placed_before_.insert(call.spec.key);
}

void Head::record_without_running(TaskId id, const Entry& entry, record::TaskState state) {
  recorder_.attempt({.id = id,
                     .parent = entry.parent,
                     .function = entry.name,
                     .rank = RankId{-1},
                     .state = state,
                     .submitted = seconds(entry.submitted),
                     .started = std::numeric_limits<double>::quiet_NaN(),
                     .finished = std::numeric_limits<double>::quiet_NaN(),
                     .key = entry.key});
}

/// Before anybody delivers: what is received is in the history.
void Head::keep_in_history(const Completion& completion) {
  const TaskId id = completion.id;
  const Entry& entry = entries_[id.number];
  end_attempts(id, entry.parent, completion.failed, entry.children > 0);
  if (completion.failed) {
    if (keeper_->is_call(id)) {
      keeper_->call_failed(id, lethal_calls_.erase(id) > 0, completion.value);
      return snapshots_.ended(id, true);
    }
    return keeper_->ended(id, !entry.cancelled && decode(completion.value).kind != Failure::Kind::cancelled);
  }
  if (completion.object != TaskId{} && completion.kept.empty())
    return snapshots_.ended(id, keeper_->succeeded(id, completion.large));
  const auto contents = contents_.find(id);
  snapshots_.ended(id,
                   keeper_->succeeded(id, contents == contents_.end() ? std::vector<Named<TaskId>>{} : contents->second,
                                      completion.object == TaskId{} ? completion.value : completion.kept));
}

/// What recorded values and arguments name gets its id now, so that they can be translated when they are wanted. Of
/// these, what is recorded is there at once, and what was started by tasks that have ended starts again.
void Head::restore_names() {
  std::vector<wire::TaskSpec> to_start = past_.unfinished();
  std::vector<TaskKey> named;
  const auto add_arguments = [&](const Arguments& arguments) { add_names(arguments, named); };
  for (const wire::TaskSpec& task : to_start) {
    named.push_back(task.key);
    add_arguments(task.arguments);
  }
  for (const auto& [key, completion] : past_.completions())
    for (const Named<TaskId>& carried : completion.carried) named.push_back(carried.key);
  for (const auto& [actor, calls] : past_.calls())
    for (const Past::Call& call : calls) add_arguments(call.spec.arguments);
  std::vector<wire::ActorSpec> to_create;
  for (const auto& [id, creation] : past_.creations()) {
    add_arguments(creation.spec.arguments);
    const Past::Completion* creator = recorded(creation.caller);
    if (creator != nullptr && creator->succeeded) to_create.push_back(creation.spec);
  }
  bring_back(std::move(named), std::move(to_start));
  for (wire::ActorSpec& actor : to_create) {
    actor.parent = {};
    if (actor.occupation) actor.occupation->gpus.clear();
    translate(actor.arguments.bytes, actor.arguments.carried);
    on_frame(head_rank, wire::make_frame(wire::FrameType::create_actor, wire::write(actor)));
  }
}

void Head::add_names(const Arguments& arguments, std::vector<TaskKey>& named) {
  for (const Input& input : arguments.inputs) named.push_back(input.key);
  for (const Named<TaskId>& carried : arguments.carried) named.push_back(carried.key);
}

/// Gives ids to these and to what they need, and their values where they are recorded; starts again what is to run.
void Head::bring_back(std::vector<TaskKey> named, std::vector<wire::TaskSpec> to_start) {
  std::vector<TaskKey> brought;
  while (!named.empty()) {
    const TaskKey key = named.back();
    named.pop_back();
    if (names_.contains(key)) continue;
    name(key);
    brought.push_back(key);
    const Past::Completion* completion = recorded(key);
    if (completion == nullptr || recorded_value(key) != nullptr) continue;
    if (completion->kept == Task::Kept::another) named.push_back(completion->source);
    if (!completion->submission) continue;
    to_start.push_back(*completion->submission);
    add_names(completion->submission->arguments, named);
  }
  for (const TaskKey key : brought) {
    RestoredName& restored = names_.at(key);
    if (const Past::Completion* value = recorded_value(key)) {
      restored.bound = true;
      restore(restored.id, key, *value);
    } else if (const Past::Completion* completion = recorded(key);
               completion != nullptr && completion->kept == Task::Kept::another) {
      restored.bound = true;
      dependents_[names_.at(completion->source).id].push_back({restored.id, true});
    }
  }
  for (wire::TaskSpec& task : to_start) start_unfinished(std::move(task));
}

TaskId Head::name(TaskKey key) {
  const auto place = names_.try_emplace(key);
  if (place.second) {
    place.first->second.id = restored_ids_.next();
    entries_[place.first->second.id.number];  // held to the run's end: its name may come up at any time
  }
  return place.first->second.id;
}

/// Puts the ids of this start into recorded bytes.
/// `own`: bytes that this start has recorded, in which what is still there has the right id.
void Head::translate(Bytes& bytes, std::vector<Named<TaskId>>& carried, bool own) {
  if (carried.empty()) return;
  ByteBuffer out;
  out.append(bytes.span());
  for (Named<TaskId>& future : carried) {
    if (own && entries_.find(future.id.number) != nullptr) continue;
    const Pattern pattern{future.id, future.key};
    static_assert(sizeof pattern == 24);
    future.id = name(future.key);
    for (std::size_t at = 0; at + sizeof pattern <= out.size(); ++at)
      if (std::memcmp(out.data() + at, &pattern, sizeof pattern) == 0)
        std::memcpy(out.data() + at, &future.id, sizeof future.id);
  }
  bytes = Bytes{std::move(out)};
}

void Head::restore(TaskId id, TaskKey key, const Past::Completion& completion) {
  if (completion.kept == Task::Kept::blob)
    return leave_unmade(id, history::blob_reader(id, key, completion.large, keeper_->blobs()));
  Bytes value = completion.value;
  std::vector<Named<TaskId>> carried = completion.carried;
  translate(value, carried);
  keep_contents(id, carried);
  keep(id, head_rank, {}, value);
}

/// The value is what this task gives, which need not run before somebody wants it.
void Head::leave_unmade(TaskId id, const wire::TaskSpec& task) {
  std::vector<TaskId> needs;
  for (const Input& input : task.arguments.inputs) needs.push_back(input.id);
  for (const Named<TaskId>& carried : task.arguments.carried) needs.push_back(carried.id);
  lineage_.add(id, Bytes{wire::write(task)}, std::move(needs));
  Entry& entry = entries_[id.number];
  entry.state = Entry::State::done;
  entry.stored = true;
  entry.unmade = true;
  if (entry.order == 0) entry.order = next_order();
  watches_.tell(id);
  unpin_of(id);
  if (!entry.waiters.empty() || dependents_.contains(id)) return make_again(id);
  pin_for_making(id);
  forget_if_unneeded(id, entry);
}

/// Whether a task that is made again gives another value than was recorded: then what has used that one does not fit.
bool Head::differs_from_history(const wire::Outcome& outcome) {
  const Entry* entry = entries_.find(outcome.id.number);
  if (outcome.work != wire::Outcome::Work::task || entry == nullptr || entry->value.empty()) return false;
  const Past::Completion* before = past_.find(wire::read_task_head(entry->value).key);
  return before != nullptr && before->succeeded && before->large.size > 0 && before->large.digest != outcome.digest;
}

void Head::start_unfinished(wire::TaskSpec task) {
  task.id = name(task.key);
  RestoredName& restored = names_.at(task.key);
  if (std::exchange(restored.bound, true)) return;
  task.parent = {};
  task.attempt = 0;
  for (Input& input : task.arguments.inputs) input.id = name(input.key);
  translate(task.arguments.bytes, task.arguments.carried);
  wire::Frame frame = wire::make_frame(wire::FrameType::submit, wire::write(task));
  if (task.occupation) {
    task.occupation->gpus.clear();
    frame.header.flags |= wire::flag_resources;
  }
  on_submit(frame);
}

/// Whoever knows this work by its restored name gets its value as well.
void Head::bind_name(Named<TaskId> work) {
  const auto named = names_.find(work.key);
  if (named == names_.end() || named->second.id == work.id || std::exchange(named->second.bound, true)) return;
  dependents_[work.id].push_back({named->second.id, true});
}

/// Whether the value of a task that was just submitted is recorded, or comes from one that runs already. Otherwise it
/// runs, and is followed.
bool Head::take_from_history(const wire::TaskHead& task, const Bytes& payload) {
  if (past_.empty() && own_.empty() && names_.empty()) {
    keeper_->submitted(task, payload);
    keep_repeatable(task.parent, {task.id, task.key}, RankId{-1});
    return false;
  }
  Entry& entry = entries_[task.id.number];
  entry.order = recorded_order(task.key);
  if (!own_.empty()) name_unfinished(task);
  const auto named = names_.find(task.key);
  const bool runs_under_its_name = named != names_.end() && named->second.bound && named->second.id != task.id;
  const Past::Completion* value = recorded_value(task.key);
  const bool is_large = !runs_under_its_name && value == nullptr && is_made_when_asked_for(task.key, payload);
  if (!runs_under_its_name && value == nullptr && !is_large) {
    keeper_->submitted(task, payload);
    bind_name({task.id, task.key});
    keep_repeatable(task.parent, {task.id, task.key}, RankId{-1});
    return false;
  }
  entry.state = Entry::State::waiting;
  entry.key = task.key.high;
  entry.parent = task.parent;
  entry.submitted = now();
  entry.name = name_of(task.function, task.plain ? std::string{} : wire::read_task(payload).label);
  ++submitted_;
  ++finished_;
  record_without_running(task.id, entry, record::TaskState::finished);
  if (is_large) {
    leave_unmade(task.id, wire::read_task(payload));
    return true;
  }
  if (runs_under_its_name) take_order(task.id, named->second.id);
  if (!runs_under_its_name) {
    restore(task.id, task.key, *value);
    return true;
  }
  ByteBuffer source;
  source.put(named->second.id);
  source.put(task.key);
  forward(task.id, Bytes{std::move(source)});
  return true;
}

/// Lanes write large values that are to be kept to files themselves, so they are told where.
void Head::name_blobs(wire::TaskSpec& task, wire::Frame& submission) {
  if (!task.terms || task.terms->journal != JournalPolicy::always) return;
  task.terms->blobs = keeper_->blobs();
  submission.payload = Bytes{wire::write(task)};
}

/// What was delivered to anybody is recorded before, so the disk is all there is to wait for.
void Head::on_sync(RankId from, const wire::Frame& frame) {
  if (!keeper_) return send_reply(outbox_, from, frame, {});
  syncs_.push_back({keeper_->hurry(), from, frame});
}

void Head::answer_syncs() {
  while (!syncs_.empty() && keeper_->is_on_disk(syncs_.front().recorded)) {
    send_reply(outbox_, syncs_.front().from, syncs_.front().request, {});
    syncs_.pop_front();
  }
}

/// Whether the task's value was too large for the history, which has how it is made.
bool Head::is_made_when_asked_for(TaskKey key, const Bytes& payload) const {
  const Past::Completion* ended = recorded(key);
  return ended != nullptr && ended->succeeded && ended->kept == Task::Kept::nothing && ended->large.size > 0 &&
         lineage_.has_room(payload.size());
}

}  // namespace crema::head
