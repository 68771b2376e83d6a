// What becomes of values: who holds them, who waits for them, where they lie, when they go.
#include "head/head.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;
using wire::Outcome;

/// Unheard failures whose text is kept for the log between two looks; all are counted and in the run file.
constexpr std::size_t max_unheard_kept = 100;

}  // namespace

/// What a task or call is given must stay until it has ended, whoever lets go of it meanwhile; what a value that is
/// gone is made of, until that is there.
void Head::pin_until_done(TaskId work, const std::vector<TaskId>& ids) {
  if (ids.empty()) return;
  for (const TaskId id : ids) ++entry_of(id).pins;
  std::vector<TaskId>& pinned = pinned_by_[work].values;
  pinned.insert(pinned.end(), ids.begin(), ids.end());
}

void Head::on_pin(const Frame& frame) {
  const wire::Pin pin = wire::read_pin(frame.payload);
  const auto earlier = made_again_.extract(pin.work.key);
  // Where the outcome came from its host, and was faster.
  if (is_there(pin.work.id)) return unpin_of(earlier.empty() ? TaskId{} : earlier.mapped());
  pin_until_done(pin.work.id, pin.values);
  Pins& pins = pinned_by_[pin.work.id];
  pins.call = pin.work.key;
  if (!earlier.empty()) pins.earlier = earlier.mapped();
}

/// Calls that went with their rank may have been on their way, and then nobody tells their end.
void Head::expect_again(RankId lost) {
  for (const auto& [work, pins] : pinned_by_)
    if (pins.call != TaskKey{} && rank_of(work) == lost) made_again_.insert_or_assign(pins.call, work);
}

void Head::unpin_of(TaskId work) {
  while (work != TaskId{}) {
    auto pins = pinned_by_.extract(work);
    if (pins.empty()) return;
    work = pins.mapped().earlier;
    unpin(std::move(pins.mapped().values));
  }
}

void Head::unpin(std::vector<TaskId> ids) {
  // A list of futures of futures may be long: no recursion.
  while (!ids.empty()) {
    const TaskId id = ids.back();
    ids.pop_back();
    Entry* entry = entries_.find(id.number);
    if (entry == nullptr) continue;
    --entry->pins;
    const bool is_unneeded = entry->holders == 0 && entry->pins == 0 && entry->state >= Entry::State::done;
    if (is_unneeded && is_gone(id, *entry)) {
      if (auto made_of = pinned_by_.extract(id); !made_of.empty())
        ids.insert(ids.end(), made_of.mapped().values.begin(), made_of.mapped().values.end());
    }
    if (is_unneeded && !lineage_.needs(id)) {
      if (auto held = contents_.extract(id); !held.empty())
        for (const Named<TaskId>& inside : held.mapped()) ids.push_back(inside.id);
    }
    forget_if_unneeded(id, *entry);
  }
}

void Head::end(RankId from, const Outcome& outcome) {
  if (outcome.failed) return complete({outcome.id, true, outcome.value});
  if (has_value_already(outcome.id)) {
    if (outcome.stored > 0) {
      objects_.add_copy(outcome.id, from);
      keep_contents(outcome.id, outcome.carried);
    }
    return complete({outcome.id});
  }
  if (outcome.stored > 0 && !past_.empty() && differs_from_history(outcome)) {
    objects_.forget_at(from, outcome.id);
    return complete({outcome.id, true, other_value(outcome.id)});
  }
  if (run_for_stored_.contains(outcome.id))
    if (auto held = contents_.extract(outcome.id); !held.empty()) unpin(wire::ids_of(held.mapped()));
  keep_contents(outcome.id, outcome.carried);
  if (outcome.forwards) return forward(outcome.id, outcome.value);
  const history::Large large{outcome.stored, outcome.digest, outcome.blob};
  if (keeper_) remember_blob({outcome.id, keeper_->key_of(outcome.id)}, from, large);
  keep(outcome.id, from, large, outcome.value);
}

/// A value is there: it stays where it lies, or goes into the store of this rank unless it is small.
void Head::keep(TaskId id, RankId from, const history::Large& stored, const Bytes& value) {
  if (stored.size > 0) {
    objects_.add(id, stored.size, from);
    return complete({id, false, {}, id, {}, stored});
  }
  if (value.size() <= max_value_in_table || !is_needed(entries_[id.number])) return complete({id, false, value});
  ++storing_;
  const Bytes whole = value.compact();
  store_.put(id, whole, [this, id, size = value.size(), kept = keeper_ ? whole : Bytes{}](const std::string& error) {
    --storing_;
    if (!error.empty()) {
      ByteBuffer failure;
      const Entry& entry = entries_[id.number];
      wire::write_failure(failure, {.function = entry.submitted > 0 ? recorder_.text(entry.name) : std::string{},
                                    .task = id,
                                    .type = "crema::Error",
                                    .message = "keeping its result: " + error});
      return complete({id, true, Bytes{std::move(failure)}});
    }
    objects_.add(id, size, head_rank);
    complete({id, false, {}, id, kept});
  });
}

void Head::keep_contents(TaskId id, const std::vector<Named<TaskId>>& carried) {
  if (carried.empty()) return;
  for (const Named<TaskId>& held : carried) ++entry_of(held.id).pins;
  // Copies of a value that was made twice name the futures in it by the ids of those who made them.
  std::vector<Named<TaskId>>& contents = contents_[id];
  contents.insert(contents.end(), carried.begin(), carried.end());
}

/// The result of this work is the value of another.
void Head::forward(TaskId id, const Bytes& value) {
  ByteReader reader{value};
  const auto source = reader.get<TaskId>();
  if (source == TaskId{}) {
    ByteBuffer failure;
    wire::write_failure(failure, {.task = id,
                                  .type = "crema::UsageError",
                                  .message = "it returned an empty future: return one that remote() or put() gave"});
    return complete({id, true, Bytes{std::move(failure)}});
  }
  if (keeper_) keeper_->forwards(id, reader.get<TaskKey>());
  yield(id, source);
}

/// The value of this work is, or will be, that of another.
void Head::yield(TaskId id, TaskId source) {
  Entry& entry = entry_of(source);
  if (is_gone(source, entry)) make_again(source);
  if (entry.state < Entry::State::done) {
    dependents_[source].push_back({id, true});
    return;
  }
  entry.asked = entry.asked || entry.state == Entry::State::failed;
  complete({id, entry.state == Entry::State::failed, entry.value, entry.stored ? source : TaskId{}});
}

void Head::complete(Completion completion) {
  if (completing_) {
    completions_.push_back(std::move(completion));
    return;
  }
  completing_ = true;
  complete_one(std::move(completion));
  while (!completions_.empty()) {
    Completion next = std::move(completions_.front());
    completions_.pop_front();
    complete_one(std::move(next));
  }
  completing_ = false;
}

void Head::complete_one(Completion completion) {
  const TaskId id = completion.id;
  const bool ran_for_stored = !run_for_stored_.empty() && run_for_stored_.contains(id);
  if (ran_for_stored && !end_run_for_stored(completion)) return;
  Entry& entry = entry_of(id);
  if (!repeats_.empty()) repeats_.erase(id);
  if (entry.state >= Entry::State::done) return;
  entry.state = completion.failed ? Entry::State::failed : Entry::State::done;
  entry.stored = completion.object != TaskId{};
  if (entry.stored && completion.object != id) objects_.add_alias(id, completion.object);
  if (keeper_) {
    keep_in_history(completion);
  } else {
    end_attempts(id, entry.parent, completion.failed, entry.children > 0);
  }
  if (entry.order == 0) {
    entry.order = next_order();
    keep_order(entry.parent, entry.key, entry.order);
  }
  if (std::exchange(entry.counted, false)) count_child(entry.parent, -1);
  entry.value = is_needed(entry) || completion.failed ? completion.value.compact() : Bytes{};
  if (completion.failed) objects_.give_up(id, entry.value);
  for (const Waiter waiter : entry.waiters) deliver(id, entry, waiter);
  entry.waiters = {};
  wake_dependents(completion);
  watches_.tell(id);
  unpin_of(id);
  unpin(attempts_.forget_left(id));
  if (!with_checkpoint_.empty()) forget_checkpoints(id);
  if (!ran_for_stored && lineage_.has_stored(id)) store_lost_again(id);
  forget_if_unneeded(id, entry);
}

void Head::wake_dependents(const Completion& completion) {
  if (dependents_.empty()) return;
  const auto node = dependents_.extract(completion.id);
  if (node.empty()) return;
  if (completion.failed) {
    entries_[completion.id.number].asked = true;
    if (keeper_) keeper_->heard(completion.id);
  }
  for (const Dependent dependent : node.mapped()) {
    if (dependent.forwards) {
      complete({.id = dependent.id,
                .failed = completion.failed,
                .value = completion.value,
                .object = completion.object,
                .forwarded = true});
      continue;
    }
    const auto blocked = blocked_.find(dependent.id);
    if (blocked == blocked_.end()) continue;  // it was cancelled, or has failed for another input
    if (completion.failed) {
      finish_without_running(dependent.id, completion.value);
    } else if (--blocked->second.missing == 0) {
      entries_[dependent.id.number].state = Entry::State::ready;
      Blocked task = std::move(blocked->second);
      blocked_.erase(blocked);
      add_ready(std::move(task));
    }
  }
}

/// Small inputs go with the task; of others the worker is told where they are.
void Head::add_values(wire::TaskSpec& task, Frame& frame, RankId worker) {
  for (const Input& input : task.arguments.inputs) {
    const Entry& entry = entries_[input.id.number];
    if (entry.stored) {
      task.values.push_back({.here = false, .location = objects_.locate(input, worker)});
      frame.header.flags |= wire::flag_large_inputs;
    } else {
      task.values.push_back({.bytes = wire::part_of(entry.value, input.part)});
    }
  }
}

void Head::on_put(RankId from, const Frame& frame) {
  const wire::Put put = wire::read_put(frame.payload);
  if (keeper_) {
    keeper_->stored_value(put);
    bind_name({put.id, put.key});
  }
  if (!take_put(from, frame.header.lane, put)) return;
  order_value(put);
  if (put.failed) {
    entry_of(put.id).asked = true;  // a value that nobody asks for is missed by nobody
    return complete({put.id, true, put.value});
  }
  keep_contents(put.id, put.carried);
  keep(put.id, from, {put.stored, put.digest, put.blob}, put.value);
}

void Head::deliver(TaskId id, const Entry& entry, Waiter waiter) {
  if (holds_.is_lost(global_lane(waiter.rank, waiter.lane))) return;
  if (entry.stored) {
    const wire::Located located{id, objects_.locate(id, waiter.rank)};
    outbox_.send(waiter.rank, wire::make_frame(FrameType::located, wire::write(located), waiter.lane));
    return;
  }
  const wire::Value value{id, entry.state == Entry::State::failed, entry.value};
  if (keeper_ && value.failed) keeper_->heard(id);
  outbox_.send(waiter.rank, wire::frame_of(FrameType::value, wire::write(value, delivered_), waiter.lane));
}

void Head::forget_if_unneeded(TaskId id, const Entry& entry) {
  forget(id, entry);
  // What is needed to make a value again is a chain that may be long: no recursion.
  if (std::exchange(forgetting_, true)) return;
  while (!unneeded_.empty()) {
    const TaskId next = unneeded_.back();
    unneeded_.pop_back();
    const Entry* needed = entries_.find(next.number);
    if (needed == nullptr) continue;
    forget(next, *needed);
    // Held still, but what it had stored is not.
    if (!repeatable_.empty() && is_there(next) && lineage_.recipe(next) == nullptr) forget_attempts(next);
  }
  forgetting_ = false;
}

void Head::forget(TaskId id, const Entry& entry) {
  if (entry.holders > 0 || entry.pins > 0 || entry.state < Entry::State::done) return;
  if (is_gone(id, entry)) unpin_of(id);
  if (lineage_.needs(id)) {
    // What was made from it may be lost, and it can be made again for that.
    if (entry.stored && lineage_.maker(id) != TaskId{}) objects_.forget(id);
    return;
  }
  if (entry.state == Entry::State::failed && !entry.asked) unheard(entry.value);
  if (entry.stored) objects_.forget(id);
  if (lineage_.has_stored(id)) {
    // Others hold what it has stored, for which it may have to run again.
    entries_[id.number].asked = true;
  } else {
    entries_.erase(id.number);
    const std::vector<TaskId> unneeded = lineage_.remove(id);
    unneeded_.insert(unneeded_.end(), unneeded.begin(), unneeded.end());
    if (!repeatable_.empty()) forget_attempts(id);
  }
  if (contents_.empty()) return;
  if (auto held = contents_.extract(id); !held.empty()) unpin(wire::ids_of(held.mapped()));
}

void Head::unheard(const Bytes& bytes) {
  Failure failure = decode(bytes);
  if (failure.kind == Failure::Kind::cancelled) return;  // somebody wanted it so
  ++unheard_count_;
  if (unheard_.size() < max_unheard_kept) unheard_.push_back(std::move(failure));
}

std::vector<Failure> Head::take_unheard_failures() { return std::exchange(unheard_, {}); }

void Head::on_get(RankId from, const Frame& frame) {
  const Waiter waiter{from, frame.header.lane};
  for (const TaskId id : wire::read_ids(frame.payload)) {
    // A call's outcome may not have come yet, so an unknown id is one that is expected.
    Entry& entry = entry_of(id);
    entry.asked = true;
    if (is_gone(id, entry)) make_again(id);
    if (entry.state >= Entry::State::done) {
      deliver(id, entry, waiter);
    } else {
      entry.waiters.push_back(waiter);
    }
  }
}

/// The lane does not wait for these any more.
void Head::on_unget(RankId from, const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload))
    if (Entry* entry = entries_.find(id.number)) entry->waiters.erase({from, frame.header.lane});
}

void Head::on_retain(RankId from, const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    holds_.retain(global_lane(from, frame.header.lane), id);
    ++entry_of(id).holders;
  }
}

void Head::on_release(RankId from, const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    Entry& entry = entry_of(id);
    if (!holds_.release(global_lane(from, frame.header.lane), id)) entry.maker_holds = false;
    --entry.holders;
    forget_if_unneeded(id, entry);
  }
}
}  // namespace crema::head
