// How the head writes the run's history, and goes on from what earlier starts have written.
#include <cstring>
#include <limits>

#include "crema/registry.hpp"
#include "head/head.hpp"

namespace crema::head {
namespace {

using history::Past;
using history::Task;

/// Names of values that no lane of this start has asked for; lanes count from 1, and none comes as far.
constexpr std::uint64_t first_restored_id = std::uint64_t{0xffff} << 32;

/// A future in bytes is its id and its key: 24 bytes that nothing else has.
struct Pattern {
  TaskId id;
  TaskKey key;
};

}  // namespace

void Head::keep_history(journal::JournalSink& sink, Past past) {
  keeper_.emplace(sink);
  past_ = std::move(past);
  last_order_ = past_.last_order();
  watches_.tell_answers([this](TaskKey caller, std::uint32_t ordinal, const std::vector<std::uint32_t>& places) {
    keeper_->answered(caller, ordinal, places);
  });
  actors_.keep_history([this](ActorId actor) { return recorded_calls(actor); });
  if (!past_.empty()) restore_names();
  for (const auto& [actor, calls] : past_.calls())
    for (const Past::Call& call : calls) placed_before_.insert(call.spec.key);
}

std::uint64_t Head::order_of(Named<TaskId> work) {
  if (const Entry* entry = entries_.find(work.id.number); entry != nullptr && entry->order > 0) return entry->order;
  const Past::Completion* recorded = past_.find(work.key);
  return recorded == nullptr ? 0 : recorded->order;
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
  end_attempts(id, entry.parent, completion.failed);
  if (completion.failed) {
    return keeper_->ended(id, !entry.cancelled && decode(completion.value).kind != Failure::Kind::cancelled);
  }
  if (completion.object != TaskId{} && completion.kept.empty()) return keeper_->succeeded_with_large_value(id);
  const auto contents = contents_.find(id);
  keeper_->succeeded(id, contents == contents_.end() ? std::vector<Named<TaskId>>{} : contents->second,
                     completion.object == TaskId{} ? completion.value : completion.kept);
}

/// What recorded values and arguments name gets its id now, so that they can be translated when they are wanted. Of
/// these, what is recorded is there at once, and what was started by tasks that have ended starts again.
void Head::restore_names() {
  std::vector<wire::TaskSpec> to_start = past_.unfinished();
  std::vector<TaskKey> named;
  for (const wire::TaskSpec& task : to_start) named.push_back(task.key);
  const auto add_arguments = [&](const Arguments& arguments) {
    for (const Input& input : arguments.inputs) named.push_back(input.key);
    for (const Named<TaskId>& carried : arguments.carried) named.push_back(carried.key);
  };
  for (const wire::TaskSpec& task : to_start) add_arguments(task.arguments);
  for (const auto& [key, completion] : past_.completions())
    for (const Named<TaskId>& carried : completion.carried) named.push_back(carried.key);
  for (const auto& [actor, calls] : past_.calls())
    for (const Past::Call& call : calls) add_arguments(call.spec.arguments);
  std::vector<wire::ActorSpec> to_create;
  for (const auto& [id, creation] : past_.creations()) {
    add_arguments(creation.spec.arguments);
    const Past::Completion* creator = past_.find(creation.caller);
    if (creator != nullptr && creator->succeeded) to_create.push_back(creation.spec);
  }
  while (!named.empty()) {
    const TaskKey key = named.back();
    named.pop_back();
    if (names_.contains(key)) continue;
    name(key);
    const Past::Completion* completion = past_.find(key);
    if (completion == nullptr || past_.value_of(key) != nullptr) continue;
    if (completion->kept == Task::Kept::another) named.push_back(completion->source);
    if (!completion->submission) continue;
    to_start.push_back(*completion->submission);
    add_arguments(completion->submission->arguments);
  }
  for (auto& [key, restored] : names_) {
    if (const Past::Completion* value = past_.value_of(key)) {
      restored.bound = true;
      restore(restored.id, *value);
    } else if (const Past::Completion* completion = past_.find(key);
               completion != nullptr && completion->kept == Task::Kept::another) {
      restored.bound = true;
      dependents_[names_.at(completion->source).id].push_back({restored.id, true});
    }
  }
  for (wire::ActorSpec& actor : to_create) {
    actor.parent = {};
    if (actor.occupation) actor.occupation->gpus.clear();
    translate(actor.arguments.bytes, actor.arguments.carried);
    on_frame(head_rank, wire::make_frame(wire::FrameType::create_actor, wire::write(actor)));
  }
  for (wire::TaskSpec& task : to_start) start_again(std::move(task));
}

TaskId Head::name(TaskKey key) {
  const auto place = names_.try_emplace(key);
  if (place.second) {
    place.first->second.id = TaskId{first_restored_id + ++restored_ids_};
    entries_[place.first->second.id.number];  // held to the run's end: its name may come up at any time
  }
  return place.first->second.id;
}

/// Puts the ids of this start into recorded bytes.
void Head::translate(Bytes& bytes, std::vector<Named<TaskId>>& carried) {
  if (carried.empty()) return;
  ByteBuffer out;
  out.append(bytes.span());
  for (Named<TaskId>& future : carried) {
    const Pattern pattern{future.id, future.key};
    static_assert(sizeof pattern == 24);
    future.id = name(future.key);
    for (std::size_t at = 0; at + sizeof pattern <= out.size(); ++at)
      if (std::memcmp(out.data() + at, &pattern, sizeof pattern) == 0)
        std::memcpy(out.data() + at, &future.id, sizeof future.id);
  }
  bytes = Bytes{std::move(out)};
}

void Head::restore(TaskId id, const Past::Completion& completion) {
  Bytes value = completion.value;
  std::vector<Named<TaskId>> carried = completion.carried;
  translate(value, carried);
  keep_contents(id, carried);
  keep(id, head_rank, 0, value);
}

void Head::start_again(wire::TaskSpec task) {
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
  if (past_.empty() && names_.empty()) {
    keeper_->submitted(task, payload);
    keep_repeatable(task.parent, {task.id, task.key}, RankId{-1});
    return false;
  }
  Entry& entry = entries_[task.id.number];
  if (const Past::Completion* recorded = past_.find(task.key)) entry.order = recorded->order;
  const auto named = names_.find(task.key);
  const bool runs_under_its_name = named != names_.end() && named->second.bound && named->second.id != task.id;
  const Past::Completion* value = past_.value_of(task.key);
  if (!runs_under_its_name && value == nullptr) {
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
  if (!runs_under_its_name) {
    restore(task.id, *value);
    return true;
  }
  ByteBuffer source;
  source.put(named->second.id);
  source.put(task.key);
  forward(task.id, Bytes{std::move(source)});
  return true;
}

/// A host has given a call its place.
void Head::on_taken(RankId from, const wire::Frame& frame) {
  const wire::Taken taken = wire::read_taken(frame.payload);
  const wire::CallSpec& call = taken.call;
  ++places_[from];
  hosts_to_tell_.insert(from);
  if (taken.again) {
    claim(call);
  } else {
    std::vector<Named<TaskId>> carried = call.arguments.carried;
    // Values that were filled in may name others.
    if (const auto pinned = pinned_by_.find(call.id); pinned != pinned_by_.end()) {
      for (const TaskId id : pinned->second)
        if (const auto inside = contents_.find(id); inside != contents_.end())
          carried.insert(carried.end(), inside->second.begin(), inside->second.end());
    }
    keeper_->has_place(call, std::move(carried));
    calls_.emplace(call.id, PlacedCall{call.key});
    bind_name({call.id, call.key});
    keep_repeatable(call.parent, {call.id, call.key}, from);
  }
  arrive(call.parent);
}

/// A call that is made again stands for the one that has its place.
void Head::claim(const wire::CallSpec& call) {
  claimed_.insert(call.key);
  count_calls(call.parent, -1);
  if (const Past::Completion* recorded = past_.find(call.key)) {
    entries_[call.id.number].order = recorded->order;
    if (const Past::Completion* value = past_.value_of(call.key)) return restore(call.id, *value);
  }
  ByteBuffer source;
  source.put(name(call.key));
  source.put(call.key);
  forward(call.id, Bytes{std::move(source)});
}

/// Which member has a pool's call is chance, so it goes to the one that had it.
bool Head::claim_pool_call(const wire::Frame& frame) {
  const wire::CallSpec call = wire::read_call(frame.payload);
  if (!placed_before_.contains(call.key)) return false;
  claim(call);
  arrive(call.parent);
  return true;
}

void Head::arrive(TaskId caller) {
  if (caller == TaskId{}) return;
  const std::uint32_t arrived = ++arrived_[caller];
  const auto held = held_.find(caller);
  if (held == held_.end() || arrived < held->second.second.durable_calls) return;
  const auto [from, outcome] = std::move(held->second);
  held_.erase(held);
  end_once_calls_are_recorded(from, outcome);
}

/// Calls that some work has made and then reported about are in the history before the work's own end is.
void Head::end_once_calls_are_recorded(RankId from, const wire::Outcome& outcome) {
  const auto arrived = arrived_.find(outcome.id);
  if (outcome.durable_calls > (arrived == arrived_.end() ? 0 : arrived->second)) {
    wire::Outcome held = outcome;
    held.value = held.value.compact();
    held_.emplace(outcome.id, std::pair{from, std::move(held)});
    return;
  }
  if (arrived != arrived_.end()) arrived_.erase(arrived);
  end(from, outcome);
}

void Head::end_call(RankId from, const wire::Outcome& outcome) {
  const auto call = calls_.find(outcome.id);
  if (call == calls_.end()) {
    // It never had a place: its actor is gone, an input has failed, or the actor is not durable.
    if (const auto* actor = actors_.directory().entry(outcome.actor); actor != nullptr && actor->durable)
      arrive(outcome.parent);
    return end(from, outcome);
  }
  const bool done = call->second.done;
  calls_.erase(call);
  if (!done) return end_once_calls_are_recorded(from, outcome);
  if (outcome.stored > 0) objects_.forget_at(from, outcome.id);
  arrived_.erase(outcome.id);
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

/// There is no further attempt of this work. A task that has called no actor, nor started one that has, may as well run
/// again when its parent does, so that its value need not stay.
void Head::end_attempts(TaskId id, TaskId parent, bool failed) {
  auto node = repeatable_.extract(id);
  const bool has_called = !node.empty() && !node.mapped().pinned.empty();
  if (!node.empty()) {
    for (const Named<TaskId>& work : node.mapped().works) forget_name(work);
    for (const RankId host : node.mapped().hosts)
      outbox_.send(host, wire::make_frame(wire::FrameType::forget_calls, wire::write_ids({id})));
    unpin(std::move(node.mapped().pinned));
  }
  if (parent == TaskId{} || !repeatable_.contains(parent)) return;
  if (has_called && !failed) return pin_for_attempts(parent, id);
  forget_name({id, keeper_->key_of(id)});
}

void Head::forget_name(Named<TaskId> work) {
  const auto name = names_.find(work.key);
  if (name != names_.end() && name->second.id == work.id && work.id.number >> 32 != first_restored_id >> 32) names_.erase(name);
}

void Head::tell_hosts_what_is_recorded() {
  for (const RankId host : std::exchange(hosts_to_tell_, {})) {
    wire::Frame frame = wire::make_frame(wire::FrameType::recorded);
    frame.header.acknowledged = places_.at(host);
    outbox_.send(host, std::move(frame));
  }
}

void Head::keep_creation(const wire::Frame& frame) {
  const wire::ActorSpec actor = wire::read_actor(frame.payload);
  if (!actor.durable) return;
  if (!past_.creations().contains(actor.id)) keeper_->created(actor);
  if (!past_.killed(actor.id)) return;
  ByteBuffer killed;
  killed.put(actor.id);
  actors_.on_kill(wire::make_frame(wire::FrameType::kill_actor, std::move(killed)));
}

/// What an actor that is built anew is given, before anybody else calls it.
std::vector<Bytes> Head::recorded_calls(ActorId actor) {
  std::vector<Bytes> payloads;
  const auto calls = past_.calls().find(actor);
  if (calls == past_.calls().end()) return payloads;
  for (const Past::Call& call : calls->second) {
    wire::CallSpec spec = call.spec;
    const bool done = past_.value_of(spec.key) != nullptr;
    spec.id = done ? TaskId{first_restored_id + ++restored_ids_} : name(spec.key);
    spec.parent = {};
    translate(spec.arguments.bytes, spec.arguments.carried);
    calls_.emplace(spec.id, PlacedCall{spec.key, done});
    count_calls({}, 1);
    if (!done) {
      names_.at(spec.key).bound = true;
      if (const Past::Completion* ended = past_.find(spec.key)) entries_[spec.id.number].order = ended->order;
      keeper_->follow({spec.id, spec.key}, call.caller);
    }
    payloads.emplace_back(wire::write(spec));
  }
  return payloads;
}

std::vector<std::string> Head::unclaimed_calls() const {
  std::vector<std::string> calls;
  for (const auto& [actor, recorded] : past_.calls()) {
    for (const Past::Call& call : recorded) {
      // A caller that has ended does not run again.
      if (claimed_.contains(call.spec.key) || past_.find(call.caller) != nullptr) continue;
      calls.push_back(FunctionRegistry::at(call.spec.method).name + " (call " + to_string(call.spec.key) + ")");
    }
  }
  return calls;
}

void Head::on_wait(RankId from, const wire::Frame& frame) {
  wire::Wait wait = wire::read_wait(frame.payload);
  const std::vector<std::uint32_t>* recorded = past_.answer(wait.caller, wait.ordinal);
  if (recorded != nullptr && (recorded->empty() || recorded->back() < wait.ids.size()))
    return answer_wait(outbox_, from, frame.header.lane, frame.header.sequence, *recorded);
  watches_.on_wait(from, frame.header, std::move(wait), clock_());
}

}  // namespace crema::head
