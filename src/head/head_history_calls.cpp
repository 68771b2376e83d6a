// The calls of actors, in the run's history and in none: each applies once, whoever makes it again.
#include "crema/registry.hpp"
#include "head/head.hpp"

namespace crema::head {

using history::Past;

namespace {

constexpr const char* not_kept =
    "it has ended, and its value was too large for the history; return less, or a future of what a task or put gives";

Bytes no_value(TaskId call, FunctionId method, const std::string& why) {
  ByteBuffer failure;
  wire::write_failure(failure, {.kind = Failure::Kind::actor,
                                .function = FunctionRegistry::at(method).name,
                                .task = call,
                                .type = "crema::Error",
                                .message = why});
  return Bytes{std::move(failure)};
}

}  // namespace

/// A host has given a call its place.
void Head::on_taken(RankId from, const wire::Frame& frame) {
  const wire::Taken taken = wire::read_taken(frame.payload);
  const wire::CallSpec& call = taken.call;
  ++places_[from];
  hosts_to_tell_.insert(from);
  tell_placed(call.id, call.actor);
  if (taken.again && calls_.contains(call.id)) return;  // the same call, sent again
  if (taken.again) {
    claim(call, frame.header.attempt);
  } else {
    std::vector<Named<TaskId>> carried = call.arguments.carried;
    // Values that were filled in may name others.
    if (const auto pinned = pinned_by_.find(call.id); pinned != pinned_by_.end()) {
      for (const TaskId id : pinned->second.values)
        if (const auto inside = contents_.find(id); inside != contents_.end())
          carried.insert(carried.end(), inside->second.begin(), inside->second.end());
    }
    keeper_->has_place(call, std::move(carried));
    const std::uint64_t place = snapshots_.next_place(call.actor);
    calls_.emplace(call.id, PlacedCall{call.key, call.actor, call.parent, call.method, frame.header.attempt});
    snapshots_.expect(call.id, call.actor, place);
    bind_name({call.id, call.key});
    keep_repeatable(call.parent, {call.id, call.key}, from);
  }
  // A pool's call may get its place after a further attempt of the task has made it again.
  const auto repeatable = repeatable_.find(call.parent);
  const bool repeated = repeatable != repeatable_.end() && repeatable->second.pool_calls.contains(call.key);
  arrive(call.parent, repeated ? attempts_.of(call.parent) : frame.header.attempt, call.key);
}

/// A call that is made again stands for the one that has its place.
void Head::claim(const wire::CallSpec& call, std::uint32_t attempt) {
  claimed_.insert(call.key);
  if (attempt >= attempts_.first_counted(call.parent)) count_calls(call.parent, -1);
  const Past::Completion* ended = recorded(call.key);
  if (ended != nullptr) {
    entries_[call.id.number].order = recorded_order(call.key);
    if (const Past::Completion* value = recorded_value(call.key)) return restore(call.id, call.key, *value);
    if (const history::FailedCall* failed = own_.failure(call.key)) return complete({call.id, true, failed->failure});
    if (past_.is_skipped(call.key)) return complete({call.id, true, past_.failure(call.key)->failure});
    if (!names_.contains(call.key)) return complete({call.id, true, no_value(call.id, call.method, not_kept)});
  }
  const TaskId first = name(call.key);
  if (ended == nullptr) take_order(call.id, first);
  ByteBuffer source;
  source.put(first);
  source.put(call.key);
  forward(call.id, Bytes{std::move(source)});
}

/// Which member has a pool's call is chance, so it goes to the one that had it.
bool Head::claim_pool_call(const wire::Frame& frame) {
  const wire::CallSpec call = wire::read_call(frame.payload);
  const std::uint32_t attempt = frame.header.attempt;
  if (placed_before_.contains(call.key)) {
    claim(call, attempt);
  } else {
    if (!may_run_again(call.parent) || has_called_too_often(call.parent)) return false;
    const TaskId first = repeatable_[call.parent].pool_calls.try_emplace(call.key, call.id).first->second;
    if (first == call.id) return false;
    ByteBuffer source;
    source.put(first);
    source.put(call.key);
    repeat({.id = call.id,
            .parent = call.parent,
            .function = call.method,
            .attempt = attempt,
            .value = Bytes{std::move(source)}});
    if (attempt >= attempts_.first_counted(call.parent)) count_calls(call.parent, -1);
    if (!names_.contains(call.key)) return true;  // it has no place yet: on_taken
  }
  arrive(call.parent, attempt, call.key);
  return true;
}

/// A call that an earlier attempt of its caller has made yields what that one does.
void Head::repeat(const wire::Outcome& call) {
  const auto first = ByteReader{call.value}.get<TaskId>();
  take_order(call.id, first);
  if (call.attempt >= attempts_.of(call.parent)) {
    repeats_.insert(call.id);
  } else if (entries_.find(first.number) == nullptr) {
    entry_of(call.id).asked = true;  // who made it is no more, so that it is nobody's failure
    return complete({call.id, true, no_value(call.id, call.function, "the task that made it has ended without it")});
  }
  forward(call.id, call.value);
}

/// `attempt`: of the caller. Without a call it was one that has failed without a place.
void Head::arrive(TaskId caller, std::uint32_t attempt, std::optional<TaskKey> call) {
  if (caller == TaskId{} || attempt < attempts_.of(caller)) return;
  ArrivedCalls& arrived = arrived_[caller];
  if (call) {
    arrived.calls.insert(*call);
  } else {
    ++arrived.failed;
  }
  if (!checkpoints_to_keep_.empty()) keep_checkpoints_whose_calls_are_recorded(caller);
  const auto held = held_.find(caller);
  if (held == held_.end() || arrived.count() < held->second.second.durable_calls) return;
  const auto [from, outcome] = std::move(held->second);
  held_.erase(held);
  end_once_calls_are_recorded(from, outcome);
  unpin(wire::ids_of(outcome.carried));
}

/// Calls that some work has made and then reported about are in the history before the work's own end is.
void Head::end_once_calls_are_recorded(RankId from, const wire::Outcome& outcome) {
  const auto arrived = arrived_.find(outcome.id);
  if (outcome.durable_calls > (arrived == arrived_.end() ? 0 : arrived->second.count())) {
    wire::Outcome held = outcome;
    held.value = held.value.compact();
    // Its lane lets go of them meanwhile.
    for (const Named<TaskId>& carried : held.carried) ++entries_[carried.id.number].pins;
    held_.emplace(outcome.id, std::pair{from, std::move(held)});
    return;
  }
  if (arrived != arrived_.end()) arrived_.erase(arrived);
  calls_.erase(outcome.id);
  end(from, outcome);
}

void Head::end_call(RankId from, const wire::Outcome& outcome, bool is_repeat) {
  const auto call = calls_.find(outcome.id);
  if (call == calls_.end()) {
    // It never had a place: its actor is gone, an input has failed, or the actor is not durable.
    if (has_history(outcome.actor)) {
      tell_placed(outcome.id, outcome.actor);
      arrive(outcome.parent, outcome.attempt, std::nullopt);
    } else {
      calls_to_tell_.ended(outcome.id, outcome.actor);
      if (is_repeat) return repeat(outcome);
      keep_outcome(from, outcome);
    }
    return end(from, outcome);
  }
  if (!call->second.done) return end_once_calls_are_recorded(from, outcome);
  calls_.erase(call);
  unpin_of(outcome.id);
  if (outcome.stored > 0) objects_.forget_at(from, outcome.id);
  arrived_.erase(outcome.id);
  if (open_calls_.contains(outcome.id)) applied_again_.emplace(outcome.id, outcome.actor);
  end_attempts(outcome.id, {}, false);
}

/// Until `by` has ended: a further attempt of it makes this again.
void Head::keep_repeatable(TaskId by, Named<TaskId> work, RankId host) {
  if (by == TaskId{} || !names_.try_emplace(work.key, RestoredName{work.id, true}).second) return;
  Repeatable& repeatable = repeatable_[by];
  repeatable.works.push_back(work);
  if (host == RankId{-1}) return;
  repeatable.hosts.insert(host);
  pin_for_attempts(by, work.id);
}

/// Its outcome stays: a call must not be made twice.
void Head::pin_for_attempts(TaskId by, TaskId work) {
  ++entries_[work.number].pins;
  repeatable_[by].pinned.push_back(work);
}

/// A task that has not ended.
bool Head::may_run_again(TaskId id) {
  const Entry* entry = id == TaskId{} ? nullptr : entries_.find(id.number);
  return entry != nullptr && entry->state != Entry::State::expected && entry->state < Entry::State::done;
}

/// Of a call that is in no history: its host knows what the task has called, and what came of it is here.
void Head::keep_outcome(RankId host, const wire::Outcome& outcome) {
  const TaskId caller = outcome.parent;
  if (!may_run_again(caller)) {
    if (const auto found = repeatable_.find(caller); found != repeatable_.end()) found->second.other_hosts.insert(host);
    return;
  }
  Repeatable& repeatable = repeatable_[caller];
  repeatable.other_hosts.insert(host);
  if (++repeatable.outcomes % Repeatable::most_outcomes == 0) {
    repeatable.too_many = true;
    tell_to_forget(repeatable.other_hosts, caller);
    unpin(std::exchange(repeatable.pinned, {}));
    repeatable.pool_calls.clear();
  } else if (!repeatable.too_many) {
    pin_for_attempts(caller, outcome.id);
  }
}

bool Head::has_called_too_often(TaskId task) const {
  const auto found = repeatable_.find(task);
  return found != repeatable_.end() && found->second.too_many;
}

/// There is no further attempt of this work. A task that has called no actor, nor started one that has or may yet, may
/// as well run again when its parent does, so that its value need not stay.
void Head::end_attempts(TaskId id, TaskId parent, bool failed, bool has_children) {
  // Their hosts have yet to tell of some of its calls; its children may call, and it may be made again itself.
  if (open_calls_.contains(id) || (has_children && lineage_.recipe(id) != nullptr)) repeatable_[id];
  if (repeatable_.empty() && !has_children) return;
  const auto repeatable = repeatable_.find(id);
  const bool has_called = has_children || (repeatable != repeatable_.end() &&
                                           (!repeatable->second.pinned.empty() || repeatable->second.too_many));
  // A value that may be lost is made again by a further attempt.
  if (lineage_.recipe(id) == nullptr) forget_attempts(id);
  if (has_called && !failed && (may_run_again(parent) || repeatable_.contains(parent)))
    return pin_for_attempts(parent, id);
  if (keeper_ && parent != TaskId{} && repeatable_.contains(parent)) forget_name({id, keeper_->key_of(id)});
}

void Head::forget_attempts(TaskId id) {
  const auto found = repeatable_.find(id);
  if (found == repeatable_.end()) return;
  Repeatable& repeatable = found->second;
  repeatable.over = true;
  for (const Named<TaskId>& work : std::exchange(repeatable.works, {})) forget_name(work);
  tell_to_forget(std::exchange(repeatable.hosts, {}), id);
  // Of calls yet to be told of some may yield what these do.
  if (open_calls_.contains(id)) return;
  tell_to_forget(repeatable.other_hosts, id);
  const std::vector<TaskId> pinned = std::move(repeatable.pinned);
  repeatable_.erase(found);
  unpin(pinned);
}

void Head::tell_to_forget(const std::set<RankId>& hosts, TaskId id) {
  for (const RankId host : hosts) {
    wire::Frame forget = wire::make_frame(wire::FrameType::forget_calls, wire::write_ids({id}));
    forget.header.attempt = attempts_.first_counted(id);
    outbox_.send(host, std::move(forget));
  }
}

void Head::forget_name(Named<TaskId> work) {
  const auto name = names_.find(work.key);
  if (name != names_.end() && name->second.id == work.id && !RestoredIds::has(work.id)) names_.erase(name);
}

void Head::tell_what_is_recorded() {
  for (const RankId host : std::exchange(hosts_to_tell_, {})) {
    wire::Frame frame = wire::make_frame(wire::FrameType::recorded);
    frame.header.acknowledged = places_.at(host);
    outbox_.send(host, std::move(frame));
  }
  calls_to_tell_.tell_placed();
}

void Head::tell_placed(TaskId call, ActorId actor) {
  actors_.on_placed(call);
  calls_to_tell_.placed(call, actor);
}

bool Head::has_history(ActorId actor) const {
  if (!keeper_) return false;
  const ActorDirectory::Entry* entry = actors_.directory().entry(actor);
  return entry != nullptr && entry->durable;
}

void Head::on_create(RankId from, wire::Frame& frame) {
  wire::ActorSpec actor = wire::read_actor(frame.payload);
  if (keeper_ && actor.durable) {
    actor.blobs = keeper_->blobs();
    frame.payload = Bytes{wire::write(actor)};
  }
  if (!actors_.on_create(from, frame)) return;
  constructing_.insert(actor.id);
  if (keeper_ && actor.durable) keep_creation(actor);
}

void Head::keep_creation(const wire::ActorSpec& actor) {
  if (!past_.creations().contains(actor.id)) keeper_->created(actor);
  if (!past_.killed(actor.id)) return;
  ByteBuffer killed;
  killed.put(actor.id);
  actors_.on_kill(wire::make_frame(wire::FrameType::kill_actor, std::move(killed)));
}

std::vector<std::string> Head::unclaimed_calls() const {
  std::vector<std::string> calls;
  for (const auto& [actor, recorded] : past_.calls()) {
    for (const Past::Call& call : recorded) {
      // A caller that has ended does not run again, and one with a checkpoint not from its beginning.
      if (claimed_.contains(call.spec.key) || past_.find(call.caller) != nullptr) continue;
      if (past_.checkpoint(call.caller) != nullptr) continue;
      calls.push_back(FunctionRegistry::at(call.spec.method).name + " (call " + to_string(call.spec.key) + ")");
    }
  }
  return calls;
}

}  // namespace crema::head
