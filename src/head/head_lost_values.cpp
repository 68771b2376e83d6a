// What becomes of large values when the rank that held them is lost: each is made again by what has made it. That is
// its task, or a task that stored it while it ran, or what reads it from a file of the journal.
#include <algorithm>

#include "head/head.hpp"
#include "history/blob_reader.hpp"

namespace crema::head {
namespace {

Bytes encoded(const Failure& failure) {
  ByteBuffer bytes;
  wire::write_failure(bytes, failure);
  return Bytes{std::move(bytes)};
}

}  // namespace

/// A value that was there, is to be used, and has gone with its rank, or was let go but for what was made from it.
void Head::make_again(TaskId id) {
  // What is needed may have gone as well, and so on: no recursion.
  std::vector<TaskId> wanted{id};
  std::vector<TaskId> give_what_they_stored;
  std::vector<wire::TaskSpec> tasks;
  while (!wanted.empty()) {
    const TaskId next = wanted.back();
    wanted.pop_back();
    Entry* entry = entries_.find(next.number);
    if (entry == nullptr || !is_gone(next, *entry)) continue;
    const TaskId source = objects_.source_of(next);
    const TaskId maker = lineage_.maker(source);
    if (source != next && maker == next) {
      wanted.push_back(source);
      give_what_they_stored.push_back(next);
      continue;
    }
    entry->state = Entry::State::expected;
    if (source != next) {
      if (!is_gone(source, entry_of(source))) {
        yield(next, source);
      } else {
        dependents_[source].push_back({next, true});
        wanted.push_back(source);
      }
      continue;
    }
    entry->stored = false;
    if (maker == TaskId{}) {
      complete({next, true,
                lost_value(next, *entry,
                           "nothing tells how to make it again: an actor has made it, or what has made it was too much "
                           "to be remembered")});
      continue;
    }
    Entry& made_by = *entries_.find(maker.number);
    const bool runs = made_by.state > Entry::State::expected && made_by.state < Entry::State::done;
    if (maker != next && runs) continue;  // it will store it once more
    wire::TaskSpec task = wire::read_task(*lineage_.recipe(maker));
    const bool first = std::exchange(entry->unmade, false);
    task.attempt = first ? attempts_.of(next) : next_attempt(maker);
    if (first && !history::is_blob_reader(task))
      keeper_->submitted(wire::read_task_head(*lineage_.recipe(next)), *lineage_.recipe(next));
    if (const std::string why = why_not_again(task, made_by); !why.empty()) {
      complete({next, true, lost_value(next, *entry, why)});
      continue;
    }
    if (maker != next)
      run_for_stored_.emplace(maker, Ended{made_by.state, made_by.stored, std::exchange(made_by.value, {}), task.key});
    if (history::is_blob_reader(task) && entry->submitted == 0) {
      entry->name = name_of(task.function, task.label);
      entry->submitted = now();
    }
    made_by.state = Entry::State::ready;
    for (const Input& input : task.arguments.inputs) wanted.push_back(input.id);
    tasks.push_back(std::move(task));
  }
  if (!keeper_ && !tasks.empty() && !actors_.directory().all().empty()) {
    // Nobody else knows what they have started, and what calls actors must not run twice.
    std::unordered_set<TaskId> parents;
    for (const wire::TaskSpec& task : tasks) parents.insert(task.id);
    entries_.for_each([&](std::uint64_t child, Entry& entry) {
      if (parents.contains(entry.parent)) leave(TaskId{child}, entry);
    });
  }
  for (const wire::TaskSpec& task : tasks) start_again(task);
  for (const TaskId task : give_what_they_stored) {
    // Unless it runs, and gives it then, it cannot be had.
    Entry& entry = *entries_.find(task.number);
    if (!is_gone(task, entry)) continue;
    entry.state = Entry::State::expected;
    yield(task, objects_.source_of(task));
  }
}

/// A value that is gone, and that somebody holds, may be asked for at any time. What it is made of stays from when it
/// is there next until then: it would have to be made once for each such value otherwise.
void Head::pin_for_making(TaskId id) {
  std::vector<TaskId> gone{id};
  while (!gone.empty()) {
    const TaskId next = gone.back();
    gone.pop_back();
    const Entry* entry = entries_.find(next.number);
    if (entry == nullptr || !is_gone(next, *entry) || !is_needed(*entry) || pinned_by_.contains(next)) continue;
    if (const TaskId source = objects_.source_of(next); source != next) {
      gone.push_back(source);
      continue;
    }
    const std::vector<TaskId> needs = lineage_.needs_of(lineage_.maker(next));
    pin_until_done(next, needs);
    gone.insert(gone.end(), needs.begin(), needs.end());
  }
}

/// Why a task that has made a lost value cannot make it again; empty: it can. `entry`: of the task.
std::string Head::why_not_again(const wire::TaskSpec& task, const Entry& entry) {
  if (task.attempt > static_cast<std::uint32_t>(task.terms.value_or(wire::Terms{}).max_retries))
    return "its task has no attempt left (TaskOptions::max_retries)";
  if (has_called_too_often(task.id))
    return "its task has made too many calls of actors without a history to be run again";
  if (entry.state == Entry::State::failed && decode(entry.value).kind == Failure::Kind::cancelled)
    return "its task was cancelled";
  return {};
}

/// The result is in the store of a rank, which may be lost.
void Head::remember_recipe(TaskId id, const Entry& entry) { lineage_.add(id, entry.value, given_to(id)); }

/// What a task that runs was given.
std::vector<TaskId> Head::given_to(TaskId task) const {
  const auto pinned = pinned_by_.find(task);
  if (pinned == pinned_by_.end()) return {};
  std::vector<TaskId> needs = pinned->second.values;
  std::erase_if(needs, [&](TaskId id) { return lineage_.maker(id) == task; });  // it was told of these
  return needs;
}

/// The same for a value that is in the journal's folder as well.
void Head::remember_blob(Named<TaskId> value, RankId from, const history::Large& large) {
  if (large.blob == 0 || from == head_rank || value.key == TaskKey{}) return;
  lineage_.add(value.id, Bytes{wire::write(history::blob_reader(value.id, value.key, large, keeper_->blobs()))}, {});
}

/// The same for what a task has stored that runs.
void Head::remember_stored(RankId from, const wire::Put& put) {
  if (put.failed || put.stored == 0 || from == head_rank) return;
  if (put.blob != 0) return remember_blob({put.id, put.key}, from, {put.stored, put.digest, put.blob});
  const Entry* task = put.parent == TaskId{} ? nullptr : entries_.find(put.parent.number);
  if (task == nullptr || task->state != Entry::State::sent) return;
  lineage_.add_stored({put.id, put.key}, put.parent, task->value, given_to(put.parent));
}

/// A further attempt of the task is told what earlier ones have stored, and stores it under the same ids: until it has
/// ended these mean nothing else.
std::vector<Named<TaskId>> Head::stored_before(TaskId task) {
  if (attempts_.of(task) == 0) return {};
  std::vector<Named<TaskId>> stored = lineage_.stored_by(task);
  pin_until_done(task, wire::ids_of(stored));
  return stored;
}

/// Whether what was put is a value that was not there: a further attempt stores what an earlier one has stored.
bool Head::take_put(RankId from, LaneId by, const wire::Put& put) {
  const GlobalLane lane = global_lane(from, by);
  Entry* known = entries_.find(put.id.number);
  const bool again = known != nullptr && (known->state >= Entry::State::done || lineage_.maker(put.id) != TaskId{});
  if (!again) {
    remember_stored(from, put);
    return true;
  }
  holds_.retain(lane, put.id);
  ++known->holders;
  if (known->state >= Entry::State::done && !is_gone(put.id, *known)) {
    if (put.stored > 0) objects_.add_copy(put.id, from);
    if (known->state == Entry::State::done) keep_contents(put.id, put.carried);
    return false;
  }
  known->state = Entry::State::expected;
  // The futures in it come anew with it.
  if (auto held = contents_.extract(put.id); !held.empty()) unpin(wire::ids_of(held.mapped()));
  return true;
}

void Head::start_again(const wire::TaskSpec& task) {
  ++submitted_;
  entries_[task.id.number].state = Entry::State::ready;
  std::vector<TaskId> inputs;
  for (const Input& input : task.arguments.inputs) inputs.push_back(input.id);
  std::vector<TaskId> needed = inputs;
  for (const Named<TaskId>& carried : task.arguments.carried) needed.push_back(carried.id);
  pin_until_done(task.id, needed);
  // The futures in its value come anew with it.
  if (!run_for_stored_.contains(task.id))
    if (auto held = contents_.extract(task.id); !held.empty()) unpin(wire::ids_of(held.mapped()));
  block_or_add(blocked(task, Bytes{wire::write(task)}), inputs);
}

/// Whether what the task gave when it ended first is still there, so that what it gives now is nobody's.
bool Head::has_value_already(TaskId task) const {
  const auto ended = run_for_stored_.find(task);
  if (ended == run_for_stored_.end()) return false;
  return ended->second.state != Entry::State::done || !ended->second.stored || objects_.is_there(task);
}

/// What completes a task that runs for what it had stored: it keeps what it gave when it ended first. False: nothing is
/// to be completed.
bool Head::end_run_for_stored(Completion& completion) {
  const TaskId id = completion.id;
  const auto found = run_for_stored_.find(id);
  if (found == run_for_stored_.end()) return true;
  Entry& entry = *entries_.find(id.number);
  if (completion.forwarded && entry.state != Entry::State::ended) {
    // It runs, and meanwhile the value has come that it had from other work.
    found->second.state = completion.failed ? Entry::State::failed : Entry::State::done;
    found->second.stored = completion.object != TaskId{};
    found->second.value = completion.value;
    if (found->second.stored) objects_.add_alias(id, completion.object);
    return false;
  }
  const std::string why = completion.failed ? "its task has run again and failed: " + decode(completion.value).message
                                            : "its task has run again and has not stored it; let the task be a "
                                              "function of its arguments and of this_task().rng()";
  for (const Named<TaskId>& stored : lineage_.stored_by(id))
    if (const Entry& lost = *entries_.find(stored.id.number); lost.state == Entry::State::expected)
      complete({stored.id, true, lost_value(stored.id, lost, why)});
  const bool keeps = has_value_already(id);
  const Ended ended = std::move(run_for_stored_.extract(found).mapped());
  if (!keeps) return true;
  if (ended.state == Entry::State::expected) {
    entry.state = ended.state;
    entry.value = {};
    unpin_of(id);
    return false;
  }
  completion = {id, ended.state == Entry::State::failed, ended.value};
  if (ended.stored) completion.object = objects_.source_of(id);
  return true;
}

/// The task has ended. What it had stored in an attempt that was lost, and has not stored once more, it stores when it
/// runs again from its beginning: its last attempt may have gone on from a checkpoint.
void Head::store_lost_again(TaskId task) {
  for (const Named<TaskId>& stored : lineage_.stored_by(task)) {
    Entry& entry = *entries_.find(stored.id.number);
    if (entry.state != Entry::State::expected) continue;
    entry.state = Entry::State::done;
    entry.stored = true;
    make_again(stored.id);
  }
}

Bytes Head::other_value(TaskId id) {
  return encoded({.function = recorder_.text(entries_.find(id.number)->name),
                  .task = id,
                  .type = "crema::Error",
                  .message = "its value differs from the one that the journal knows of (by its checksum), so what used "
                             "that one would not fit; let the task be a function of its arguments and of "
                             "this_task().rng(), or let the journal keep its value (TaskOptions::journal = always)"});
}

Bytes Head::lost_value(TaskId id, const Entry& entry, const std::string& reason) const {
  return encoded({.kind = Failure::Kind::worker_lost,
                  .function = lineage_.recipe(id) == nullptr ? "put" : recorder_.text(entry.name),
                  .task = id,
                  .type = "crema::WorkerLost",
                  .message = "its value was lost with the rank that held it, and " + reason});
}

/// The inputs of a task that is about to be sent may have been lost since it became ready.
bool Head::put_off(Dispatcher::Assignment& assignment) {
  const wire::TaskSpec task = wire::read_task(assignment.task.frame_payload);
  const auto& inputs = task.arguments.inputs;
  if (std::none_of(inputs.begin(), inputs.end(), [&](const Input& input) {
        const Entry* entry = entries_.find(input.id.number);
        return entry == nullptr || entry->state != Entry::State::done || is_gone(input.id, *entry);
      }))
    return false;
  dispatcher_.take_back(assignment.worker, task.id, assignment.load);
  std::vector<TaskId> needed;
  for (const Input& input : inputs) needed.push_back(input.id);
  block_or_add(blocked(task, std::move(assignment.task.frame_payload)), needed);
  return true;
}

}  // namespace crema::head
