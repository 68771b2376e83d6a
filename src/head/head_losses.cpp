// What becomes of work that is cancelled, and of work when a lane or a rank dies: attempts are made again, references
// are dropped.
#include <algorithm>
#include <limits>

#include "crema/registry.hpp"
#include "head/head.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;

Bytes encoded(const Failure& failure) {
  ByteBuffer bytes;
  wire::write_failure(bytes, failure);
  return Bytes{std::move(bytes)};
}

}  // namespace

/// Whether another attempt follows one that has failed; `lost`: through no doing of the task's code.
bool Head::try_again(TaskId id, Entry& entry, bool lost) {
  wire::TaskSpec task = wire::read_task(entry.value);
  const wire::Terms terms = task.terms.value_or(wire::Terms{});
  if (!lost && !terms.retry_exceptions) return false;
  task.attempt = next_attempt(id, lost || keeper_);
  if (task.attempt > static_cast<std::uint32_t>(terms.max_retries)) return false;
  if (has_called_too_often(id)) {
    repeatable_[id].kept_from_trying = true;
    return false;
  }
  entry.state = Entry::State::ready;
  entry.value = {};
  add_ready(blocked(task, Bytes{wire::write(task)}));
  return true;
}

/// Calls of an attempt that was lost are not waited for, nor, where a history has them before checkpoints, of any.
std::uint32_t Head::next_attempt(TaskId id, bool lost) {
  if (lost) open_calls_.erase(id);
  arrived_.erase(id);
  checkpoints_to_keep_.erase(id);
  if (const auto found = repeatable_.find(id); found != repeatable_.end()) found->second.orders.hold();
  return lost ? attempts_.lose(id) : attempts_.end(id);
}

Head::Blocked Head::blocked(const wire::TaskSpec& task, Bytes payload) {
  Blocked blocked{.order = {task.priority, task.depth},
                  .task = {task.id, task.function, std::move(payload), !task.arguments.inputs.empty()}};
  if (task.occupation) blocked.wanted = task.occupation->resources;
  return blocked;
}

/// The failure of a task that has lost its last attempt.
Bytes Head::after_attempts(Failure failure) const {
  const std::uint32_t attempts = attempts_.of(failure.task);
  if (attempts > 1) failure.message += " (after " + std::to_string(attempts) + " attempts)";
  const auto repeatable = repeatable_.find(failure.task);
  if (repeatable != repeatable_.end() && repeatable->second.kept_from_trying) {
    failure.message += " (and is not tried again: it has made at least " + std::to_string(Repeatable::most_outcomes) +
                       " calls of actors without a history, and a further attempt would make them again)";
  }
  return encoded(failure);
}

void Head::lose_lane(RankId rank, LaneId lane) {
  const GlobalLane name = global_lane(rank, lane);
  const auto retained = holds_.lose(name);
  watches_.forget(rank, lane);
  actors_.forget(rank, lane);
  drop_holds(first_id_of(name), last_id_of(name), retained);
}

/// What an attempt has started that has thrown; its lane lives. What failed there may be why.
void Head::leave_children(GlobalLane lane, TaskId parent) {
  if (keeper_) return;  // knows them by their names
  entries_.for_each(first_id_of(lane).number, last_id_of(lane).number, [&](std::uint64_t id, Entry& entry) {
    if (entry.parent == parent && entry.state != Entry::State::failed) leave(TaskId{id}, entry);
  });
}

/// The next attempt of its parent starts it again, and is to get this one.
void Head::leave(TaskId id, Entry& entry) {
  if (attempts_.leave(entry.parent, entry.key, id)) ++entry.pins;
}

/// What lanes held that are gone: what they made, with ids from `first` to `last`, and what came to them.
void Head::drop_holds(TaskId first, TaskId last, const std::vector<std::pair<TaskId, std::uint32_t>>& retained) {
  std::vector<TaskId> made;
  entries_.for_each(first.number, last.number, [&](std::uint64_t number, Entry& entry) {
    const TaskId id{number};
    if (entry.parent != TaskId{} && attempts_.of(entry.parent) > 0) {
      if (const Entry* parent = entries_.find(entry.parent.number);
          parent != nullptr && parent->state < Entry::State::done)
        leave(id, entry);
    }
    if (entry.maker_holds) made.push_back(id);
  });
  for (const TaskId id : made) {
    if (Entry* entry = entries_.find(id.number); entry != nullptr && std::exchange(entry->maker_holds, false))
      drop(id, *entry, 1);
  }
  for (const auto& [id, count] : retained)
    if (Entry* entry = entries_.find(id.number)) drop(id, *entry, count);
}

void Head::drop(TaskId id, Entry& entry, std::uint32_t holders) {
  entry.holders -= std::min(entry.holders, holders);
  forget_if_unneeded(id, entry);
}

Head::Entry& Head::entry_of(TaskId id) {
  const bool maker_lost = holds_.is_lost(maker_of(id));
  if (!maker_lost || entries_.find(id.number) != nullptr) return entries_[id.number];
  Entry& entry = entries_[id.number];
  entry.maker_holds = false;
  entry.holders = 0;
  return entry;
}

/// A lost attempt of the parent has started this child already, and it is there or under way.
bool Head::take_over(const wire::TaskHead& task) {
  const TaskId child = attempts_.take_over(task.parent, task.key.high, task.id);
  if (child == TaskId{}) return false;
  take_order(task.id, child);  // what it yields is expected
  keep_contents(task.id, {{child, task.key}});
  yield(task.id, child);
  return true;
}

std::string Head::lose_rank(RankId rank, const std::string& host, const std::string& reason) {
  lose_actors(rank, reason);
  give_up_impossible();
  if (std::erase(workers_, rank) > 0) {
    if (workers_.empty()) return "it was the last rank that runs tasks";
    dispatcher_.remove_worker(rank);
  }
  ++ranks_lost_;
  watches_.forget(rank);
  actors_.forget(rank);
  expect_again(rank);
  lose_attempts(rank, host, reason);
  const auto retained = holds_.lose(rank);
  drop_holds(first_id_of(rank), last_id_of(rank), retained);
  const std::vector<TaskId> wanted = objects_.lose(rank);
  std::vector<TaskId> gone;
  entries_.for_each([&](std::uint64_t id, const Entry& entry) {
    if (is_gone(TaskId{id}, entry)) gone.push_back(TaskId{id});
  });
  for (const TaskId id : gone) pin_for_making(id);
  for (const TaskId id : wanted) make_again(id);
  for (const Dispatcher::Ready& task : dispatcher_.take_impossible()) refuse(wire::read_task(task.frame_payload));
  return {};
}

/// Calls of it end with this reason: here those whose callers are not asked for them again, at another rank all others.
void Head::give_up(ActorId actor, const std::string& reason) {
  rebuilding_.now.erase(actor);
  rebuilding_.lost.erase(actor);
  rebuilding_.awaited.erase(actor);
  end_applied_again(actor);
  actors_.give_up(actor, reason, all_ranks());
  std::vector<wire::Outcome> unanswered;
  for (const auto& [id, call] : calls_)
    if (call.actor == actor)
      unanswered.push_back({.id = id,
                            .parent = call.parent,
                            .actor = actor,
                            .function = call.method,
                            .work = wire::Outcome::Work::call,
                            .attempt = call.attempt});
  if (constructing_.contains(actor))
    unanswered.push_back({.id = construction_of(actor), .actor = actor, .work = wire::Outcome::Work::construction});
  for (wire::Outcome& outcome : unanswered) {
    const bool is_call = outcome.work == wire::Outcome::Work::call;
    outcome.failed = true;
    outcome.value = encoded({.kind = Failure::Kind::actor,
                             .function = is_call ? FunctionRegistry::at(outcome.function).name
                                                 : actors_.directory().entry(actor)->class_name,
                             .task = outcome.id,
                             .type = "crema::Error",
                             .message = reason});
    outcome.started = outcome.finished = clock_();
    Frame frame = wire::make_frame(FrameType::outcome, wire::write(outcome));
    frame.header.flags = wire::flag_sent_again;
    on_outcome(head_rank, frame);
  }
}

/// Actors that wait for what went with a rank.
void Head::give_up_impossible() {
  const auto impossible = actors_.take_impossible();
  if (!impossible.empty()) calls_to_tell_.tell_all();
  for (const auto& [actor, why] : impossible) give_up(actor, why);
}

/// Tasks that have ended there, and whose calls may have been lost on their way: they run again.
std::set<TaskId> Head::take_back_held(RankId rank) {
  std::set<TaskId> taken;
  for (auto held = held_.begin(); held != held_.end();) {
    const auto& [from, outcome] = held->second;
    if (from != rank || outcome.work != wire::Outcome::Work::task) {
      ++held;
      continue;
    }
    Entry& entry = *entries_.find(held->first.number);
    entry.state = Entry::State::sent;
    --finished_;
    unpin(wire::ids_of(outcome.carried));
    taken.insert(held->first);
    held = held_.erase(held);
  }
  return taken;
}

void Head::lose_attempts(RankId rank, const std::string& host, const std::string& reason) {
  std::vector<TaskId> lost;
  const std::set<TaskId> ended = take_back_held(rank);
  entries_.for_each([&](std::uint64_t id, const Entry& entry) {
    if (entry.state == Entry::State::sent && entry.worker == rank) lost.push_back(TaskId{id});
  });
  std::sort(lost.begin(), lost.end());
  for (const TaskId id : lost) {
    Entry& entry = *entries_.find(id.number);
    if (!ended.contains(id))
      recorder_.attempt({.id = id,
                         .parent = entry.parent,
                         .function = entry.name,
                         .attempt = static_cast<std::uint16_t>(attempts_.of(id)),
                         .rank = rank,
                         .state = record::TaskState::lost,
                         .submitted = seconds(entry.submitted),
                         .started = std::numeric_limits<double>::quiet_NaN(),
                         .finished = seconds(clock_()),
                         .key = entry.key});
    if (std::exchange(entry.cancelled, false)) {
      ++finished_;
      complete({id, true, cancelled_failure(id, entry)});
      continue;
    }
    Failure failure{.kind = Failure::Kind::worker_lost,
                    .function = recorder_.text(entry.name),
                    .task = id,
                    .attempt = attempts_.of(id),
                    .rank = rank,
                    .host = host,
                    .type = "crema::WorkerLost",
                    .message = "the rank was lost: " + reason};
    recorder_.failure(failure);
    if (try_again(id, entry, true)) continue;
    ++finished_;
    complete({id, true, after_attempts(std::move(failure))});
  }
}

/// No worker can ever run it.
void Head::refuse(const wire::TaskSpec& task) {
  const Entry& entry = entries_[task.id.number];
  const Bytes failure = encoded({.function = recorder_.text(entry.name),
                                 .task = task.id,
                                 .type = "crema::UsageError",
                                 .message = "starting the task: " + dispatcher_.refusal(task.occupation->resources)});
  record_failure(failure);
  finish_without_running(task.id, failure);
}

void Head::on_cancel(const Frame& frame) {
  for (const TaskId named : wire::read_ids(frame.payload)) {
    const TaskId id = attempts_.running_for(named);
    Entry* entry = entries_.find(id.number);
    if (entry == nullptr || entry->cancelled || run_for_stored_.contains(id)) continue;
    // Whatever becomes of it, somebody does not want to know (`asked`).
    switch (entry->state) {
      case Entry::State::waiting:
        finish_without_running(id, cancelled_failure(id, *entry));
        break;
      case Entry::State::ready:
        dispatcher_.withdraw(id);
        finish_without_running(id, cancelled_failure(id, *entry));
        break;
      case Entry::State::sent:
        entry->cancelled = entry->asked = true;
        outbox_.send(entry->worker, wire::make_frame(FrameType::cancel_task, wire::write_ids({id})));
        break;
      case Entry::State::failed:
        entry->asked = true;
        break;
      default:
        break;  // it has ended, or is a call, which has its place in the order of calls already
    }
  }
}

Bytes Head::cancelled_failure(TaskId id, const Entry& entry) const {
  ByteBuffer failure;
  wire::write_failure(failure, {.kind = Failure::Kind::cancelled,
                                .function = recorder_.text(entry.name),
                                .task = id,
                                .rank = entry.worker,
                                .type = "crema::TaskCancelled",
                                .message = "somebody cancelled it"});
  return Bytes{std::move(failure)};
}

}  // namespace crema::head
