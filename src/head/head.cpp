#include "head/head.hpp"

#include <algorithm>
#include <limits>

#include "crema/registry.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;
using wire::Outcome;

/// Unheard failures whose text is kept for the log between two looks; all are counted and in the run file.
constexpr std::size_t max_unheard_kept = 100;

Failure decode_failure(const Bytes& bytes) {
  ByteReader reader{bytes};
  return wire::read_failure(reader);
}

}  // namespace

Head::Head(wire::Outbox& outbox, Recorder& recorder, Layout layout, std::int64_t run_began, Clock clock)
    : outbox_{outbox},
      recorder_{recorder},
      layout_{std::move(layout)},
      run_began_{run_began},
      clock_{clock},
      actors_{layout_.actor_hosts} {
  for (const RankId worker : layout_.workers) dispatcher_.add_worker(worker);
}

void Head::on_frame(RankId from, Frame frame) {
  switch (frame.header.type) {
    case FrameType::submit:
      return on_submit(frame);
    case FrameType::outcome:
      return on_outcome(from, frame);
    case FrameType::pull:
      return dispatcher_.on_pull(from, wire::read_pull(frame.payload));
    case FrameType::get:
      return on_get(from, frame);
    case FrameType::release:
      return on_release(frame);
    case FrameType::retain:
      for (const TaskId id : wire::read_ids(frame.payload)) ++entries_[id.number].holders;
      return;
    case FrameType::put:
      return on_put(frame);
    case FrameType::pin: {
      std::vector<TaskId> ids = wire::read_ids(frame.payload);
      const TaskId call = ids.at(0);
      ids.erase(ids.begin());
      return pin_until_done(call, ids);
    }
    case FrameType::wait:
      return on_wait(from, frame);
    case FrameType::watch:
      return on_watch(from, frame);
    case FrameType::unwatch:
      watches_.erase({from, frame.header.lane, frame.header.sequence});
      return;
    case FrameType::cancel:
      return on_cancel(frame);
    case FrameType::ready: {
      const Entry* entry = entries_.find(wire::read_ids(frame.payload).at(0).number);
      ByteBuffer answer;
      answer.put<std::uint8_t>(entry != nullptr && entry->state >= Entry::State::done);
      return reply(from, frame, {{}, Bytes{std::move(answer)}});
    }
    case FrameType::cluster:
      return reply(from, frame, describe_cluster());
    case FrameType::create_actor:
      return on_create_actor(from, frame);
    case FrameType::find_actor:
      return on_find_actor(from, frame);
    case FrameType::kill_actor:
      return on_kill_actor(frame);
    case FrameType::create_pool:
      return pools_.add(wire::read_pool(frame.payload));
    case FrameType::call_pool:
      return send_pool_call(pools_.on_call(wire::read_call(frame.payload)));
    case FrameType::locate_actor: {
      const ActorId id = wire::read_location(frame.payload).actor;
      if (const auto* entry = actors_.entry(id)) {
        outbox_.send(from,
                     wire::make_frame(FrameType::actor_location, wire::write(wire::ActorLocation{id, entry->rank})));
      } else {
        actors_.wait_for(id, from);
      }
      return;
    }
    case FrameType::driver_done:
      return on_driver_done(frame);
    default:
      throw Error{"handling a message from rank " + std::to_string(from.number) + ": the head does not know type " +
                  std::to_string(static_cast<int>(frame.header.type)) + "; do all ranks run the same build?"};
  }
}

void Head::on_submit(const Frame& frame) {
  const wire::TaskSpec task = wire::read_task(frame.payload);
  Entry& entry = entries_[task.id.number];
  entry.state = Entry::State::ready;
  entry.key = task.key.high;
  entry.parent = task.parent;
  entry.name = name_of(task.function, task.label);
  entry.submitted = clock_();
  ++submitted_;
  const Arguments& arguments = task.arguments;
  Dispatcher::Ready ready{task.id, task.function, frame.payload, !arguments.inputs.empty()};
  if (arguments.inputs.empty() && arguments.carried.empty())
    return dispatcher_.add_ready({task.priority, task.depth}, std::move(ready));
  std::vector<TaskId> inputs;
  for (const Input& input : arguments.inputs) inputs.push_back(input.id);
  std::vector<TaskId> needed = inputs;
  needed.insert(needed.end(), arguments.carried.begin(), arguments.carried.end());
  pin_until_done(task.id, needed);
  block_or_add({.order = {task.priority, task.depth}, .task = std::move(ready)}, inputs);
}

/// What a task or call is given must stay until it has ended, whoever lets go of it meanwhile.
void Head::pin_until_done(TaskId work, const std::vector<TaskId>& ids) {
  if (ids.empty()) return;
  for (const TaskId id : ids) ++entries_[id.number].pins;
  std::vector<TaskId>& pinned = pinned_by_[work];
  pinned.insert(pinned.end(), ids.begin(), ids.end());
}

void Head::unpin(std::vector<TaskId> ids) {
  // A list of futures of futures may be long: no recursion.
  while (!ids.empty()) {
    const TaskId id = ids.back();
    ids.pop_back();
    Entry* entry = entries_.find(id.number);
    if (entry == nullptr) continue;
    --entry->pins;
    if (entry->holders == 0 && entry->pins == 0 && entry->state >= Entry::State::done) {
      if (auto held = contents_.extract(id); !held.empty())
        ids.insert(ids.end(), held.mapped().begin(), held.mapped().end());
    }
    forget_if_unneeded(id, *entry);
  }
}

void Head::block_or_add(Blocked blocked, const std::vector<TaskId>& inputs) {
  const TaskId id = blocked.task.id;
  for (const TaskId input : inputs) {
    Entry& needed = entries_[input.number];
    if (needed.state == Entry::State::failed) {
      needed.asked = true;
      return finish_without_running(id, needed.value);
    }
    if (needed.state == Entry::State::done) continue;
    ++blocked.missing;
    dependents_[input].push_back({id});
  }
  if (blocked.missing == 0) return dispatcher_.add_ready(blocked.order, std::move(blocked.task));
  entries_[id.number].state = Entry::State::waiting;
  blocked.task.frame_payload = blocked.task.frame_payload.compact();  // it may stay longer than its packet
  blocked_.emplace(id, std::move(blocked));
}

/// An input has failed, or somebody has cancelled it.
void Head::finish_without_running(TaskId id, const Bytes& failure) {
  Entry& entry = entries_[id.number];
  blocked_.erase(id);
  const bool cancelled = decode_failure(failure).kind == Failure::Kind::cancelled;
  recorder_.attempt({.id = id,
                     .parent = entry.parent,
                     .function = entry.name,
                     .rank = RankId{-1},
                     .state = cancelled ? record::TaskState::cancelled : record::TaskState::failed,
                     .submitted = seconds(entry.submitted),
                     .started = std::numeric_limits<double>::quiet_NaN(),
                     .finished = std::numeric_limits<double>::quiet_NaN(),
                     .key = entry.key});
  ++finished_;
  complete(id, true, failure);
}

void Head::turn(bool dispatch) {
  end_late_waits();
  if (!dispatch || !dispatching_) return;
  for (Dispatcher::Assignment& assignment : dispatcher_.assign()) {
    Entry& entry = entries_[assignment.task.id.number];
    entry.state = Entry::State::sent;
    entry.worker = assignment.worker;
    entry.load = assignment.load;
    Frame frame{{.type = FrameType::run_task}, std::move(assignment.task.frame_payload)};
    if (assignment.task.has_inputs) frame.payload = payload_with_values(frame.payload);
    frame.header.payload_size = frame.payload.size();
    outbox_.send(assignment.worker, std::move(frame));
  }
}

void Head::stop_dispatching() {
  dispatching_ = false;
  dispatcher_.clear();
}

void Head::on_outcome(RankId from, const Frame& frame) {
  const Outcome outcome = wire::read_outcome(frame.payload);
  const std::int64_t offset = clock_offset(from, outcome.finished);
  if (outcome.failed) record_failure(outcome.value);
  if (outcome.work != Outcome::Work::task) {
    actors_.count_call(outcome);
    // A construction is work the head itself counted when it was asked for.
    count_calls(outcome.parent, -1);
    count_calls(outcome.id, outcome.calls_made);
    if (outcome.work == Outcome::Work::construction) {
      const auto* actor = actors_.entry(outcome.actor);
      if (outcome.failed && actor->calls == 0) failed_constructions_.emplace(outcome.actor, outcome.value);
      return;
    }
    send_pool_call(pools_.on_ended(outcome.id));
    keep_contents(outcome);
    if (outcome.forwards && !outcome.failed) return forward(outcome.id, outcome.value);
    return complete(outcome.id, outcome.failed, outcome.value);
  }
  Entry* entry = entries_.find(outcome.id.number);
  if (entry == nullptr || entry->state != Entry::State::sent) return;  // an attempt that was given up
  dispatcher_.ended(from, outcome.function, entry->load, outcome.finished - outcome.started);
  count_calls(outcome.id, outcome.calls_made);
  recorder_.attempt({.id = outcome.id,
                     .parent = entry->parent,
                     .function = entry->name,
                     .attempt = static_cast<std::uint16_t>(outcome.attempt),
                     .rank = from,
                     .state = entry->cancelled ? record::TaskState::cancelled
                              : outcome.failed ? record::TaskState::failed
                                               : record::TaskState::finished,
                     .submitted = seconds(entry->submitted),
                     .started = seconds(outcome.started + offset),
                     .finished = seconds(outcome.finished + offset),
                     .bytes_in = outcome.bytes_in,
                     .bytes_out = outcome.value.size(),
                     .key = entry->key});
  ++finished_;
  if (entry->cancelled) return complete(outcome.id, true, cancelled_failure(outcome.id, *entry));
  keep_contents(outcome);
  if (outcome.forwards && !outcome.failed) return forward(outcome.id, outcome.value);
  complete(outcome.id, outcome.failed, outcome.value);
}

void Head::record_failure(const Bytes& bytes) {
  const Failure failure = decode_failure(bytes);
  if (failure.kind != Failure::Kind::cancelled) recorder_.failure(failure);
}

void Head::keep_contents(const Outcome& outcome) {
  if (outcome.carried.empty()) return;
  for (const TaskId id : outcome.carried) ++entries_[id.number].pins;
  contents_[outcome.id] = outcome.carried;
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
    return complete(id, true, Bytes{std::move(failure)});
  }
  Entry& entry = entries_[source.number];
  if (entry.state < Entry::State::done) {
    dependents_[source].push_back({id, true});
    return;
  }
  entry.asked = entry.asked || entry.state == Entry::State::failed;
  complete(id, entry.state == Entry::State::failed, entry.value);
}

void Head::complete(TaskId id, bool failed, Bytes value) {
  completions_.push_back({id, failed, std::move(value)});
  if (completing_) return;
  completing_ = true;
  while (!completions_.empty()) {
    const Completion next = std::move(completions_.front());
    completions_.pop_front();
    complete_one(next.id, next.failed, next.value);
  }
  completing_ = false;
}

void Head::complete_one(TaskId id, bool failed, const Bytes& value) {
  Entry& entry = entries_[id.number];
  if (entry.state >= Entry::State::done) return;
  entry.state = failed ? Entry::State::failed : Entry::State::done;
  const bool needed = entry.holders > 0 || entry.pins > 0 || !entry.waiters.empty() || failed;
  if (needed) entry.value = value.compact();
  for (const Waiter waiter : entry.waiters) deliver(id, entry, waiter);
  entry.waiters = {};
  wake_dependents(id, failed, value);
  tell_watchers(id);
  if (auto pinned = pinned_by_.extract(id); !pinned.empty()) unpin(std::move(pinned.mapped()));
  forget_if_unneeded(id, entry);
}

void Head::wake_dependents(TaskId id, bool failed, const Bytes& value) {
  if (dependents_.empty()) return;
  const auto node = dependents_.extract(id);
  if (node.empty()) return;
  if (failed) entries_[id.number].asked = true;
  for (const Dependent dependent : node.mapped()) {
    if (dependent.forwards) {
      complete(dependent.id, failed, value);
      continue;
    }
    const auto blocked = blocked_.find(dependent.id);
    if (blocked == blocked_.end()) continue;  // it was cancelled, or has failed for another input
    if (failed) {
      finish_without_running(dependent.id, value);
    } else if (--blocked->second.missing == 0) {
      entries_[dependent.id.number].state = Entry::State::ready;
      dispatcher_.add_ready(blocked->second.order, std::move(blocked->second.task));
      blocked_.erase(blocked);
    }
  }
}

Bytes Head::payload_with_values(const Bytes& payload) {
  wire::TaskSpec task = wire::read_task(payload);
  for (const Input& input : task.arguments.inputs) task.values.push_back({true, entries_[input.id.number].value});
  return Bytes{wire::write(task)};
}

void Head::on_put(const Frame& frame) {
  const wire::Put put = wire::read_put(frame.payload);
  for (const TaskId id : put.carried) ++entries_[id.number].pins;
  if (!put.carried.empty()) contents_[put.id] = put.carried;
  complete(put.id, false, put.value);
}

void Head::on_wait(RankId from, const Frame& frame) {
  wire::Wait wait = wire::read_wait(frame.payload);
  const WatchName name{from, frame.header.lane, frame.header.sequence};
  Watch watch{.ids = std::move(wait.ids), .missing = wait.count, .count = wait.count};
  for (const TaskId id : watch.ids)
    if (watch.missing > 0 && entries_[id.number].state >= Entry::State::done) --watch.missing;
  const bool over = watch.missing == 0 || wait.timeout == 0;
  if (!over) {
    for (const TaskId id : watch.ids)
      if (entries_[id.number].state < Entry::State::done) watchers_[id].push_back(name);
    if (wait.timeout > 0) deadlines_.emplace(clock_() + wait.timeout, name);
  }
  watches_.emplace(name, std::move(watch));
  if (over) end_wait(name);
}

void Head::on_watch(RankId from, const Frame& frame) {
  const WatchName name{from, frame.header.lane, frame.header.sequence};
  const std::vector<TaskId> ids = wire::read_ids(frame.payload);
  watches_.emplace(name, Watch{.stream = true});
  for (const TaskId id : ids) {
    watchers_[id].push_back(name);
    if (entries_[id.number].state >= Entry::State::done) tell_watchers(id);
  }
}

void Head::tell_watchers(TaskId id) {
  if (watchers_.empty()) return;
  const auto node = watchers_.extract(id);
  if (node.empty()) return;
  for (const WatchName& name : node.mapped()) {
    const auto watch = watches_.find(name);
    if (watch == watches_.end()) continue;
    if (watch->second.stream) {
      Frame told = wire::make_frame(FrameType::completed, wire::write_ids({id}), name.lane);
      told.header.sequence = name.sequence;
      outbox_.send(name.rank, std::move(told));
    } else if (--watch->second.missing == 0) {
      end_wait(name);
    }
  }
}

void Head::end_wait(const WatchName& name) {
  const Watch watch = std::move(watches_.extract(name).mapped());
  ByteBuffer places;
  std::uint32_t found = 0;
  for (std::uint32_t place = 0; place < watch.ids.size(); ++place) {
    const TaskId id = watch.ids[place];
    if (entries_[id.number].state >= Entry::State::done) {
      if (found == watch.count) continue;
      ++found;
      places.put(place);
    } else if (const auto watchers = watchers_.find(id); watchers != watchers_.end()) {
      std::erase(watchers->second, name);
      if (watchers->second.empty()) watchers_.erase(watchers);
    }
  }
  Frame answer = wire::make_frame(FrameType::reply, wire::write(wire::Reply{{}, Bytes{std::move(places)}}), name.lane);
  answer.header.sequence = name.sequence;
  outbox_.send(name.rank, std::move(answer));
}

void Head::end_late_waits() {
  if (deadlines_.empty() && finders_.empty()) return;
  const std::int64_t now = clock_();
  std::erase_if(finders_, [&](const Finder& finder) {
    if (finder.deadline > now) return false;
    answer_find(finder.from, finder.request);
    return true;
  });
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const WatchName name = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    if (watches_.contains(name)) end_wait(name);
  }
}

void Head::on_cancel(const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    Entry* entry = entries_.find(id.number);
    if (entry == nullptr || entry->cancelled) continue;
    switch (entry->state) {
      case Entry::State::waiting:
        finish_without_running(id, cancelled_failure(id, *entry));
        break;
      case Entry::State::ready:
        dispatcher_.withdraw(id);
        finish_without_running(id, cancelled_failure(id, *entry));
        break;
      case Entry::State::sent:
        entry->cancelled = true;
        outbox_.send(entry->worker, wire::make_frame(FrameType::cancel_task, wire::write_ids({id})));
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

void Head::deliver(TaskId id, const Entry& entry, Waiter waiter) {
  const wire::Value value{id, entry.state == Entry::State::failed, entry.value};
  outbox_.send(waiter.rank, wire::make_frame(FrameType::value, wire::write(value), waiter.lane));
}

void Head::forget_if_unneeded(TaskId id, const Entry& entry) {
  if (entry.holders > 0 || entry.pins > 0 || entry.state < Entry::State::done) return;
  if (entry.state == Entry::State::failed && !entry.asked) unheard(entry.value);
  entries_.erase(id.number);
  if (contents_.empty()) return;
  if (auto held = contents_.extract(id); !held.empty()) unpin(std::move(held.mapped()));
}

void Head::unheard(const Bytes& bytes) {
  Failure failure = decode_failure(bytes);
  if (failure.kind == Failure::Kind::cancelled) return;  // somebody wanted it so
  ++unheard_count_;
  if (unheard_.size() < max_unheard_kept) unheard_.push_back(std::move(failure));
}

std::vector<Failure> Head::take_unheard_failures() { return std::exchange(unheard_, {}); }

void Head::on_get(RankId from, const Frame& frame) {
  const Waiter waiter{from, frame.header.lane};
  for (const TaskId id : wire::read_ids(frame.payload)) {
    // A call's outcome may not have come yet, so an unknown id is one that is expected.
    Entry& entry = entries_[id.number];
    entry.asked = true;
    if (entry.state >= Entry::State::done) {
      deliver(id, entry, waiter);
    } else {
      entry.waiters.push_back(waiter);
    }
  }
}

void Head::on_release(const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    Entry& entry = entries_[id.number];
    --entry.holders;
    forget_if_unneeded(id, entry);
  }
}

void Head::on_create_actor(RankId from, const Frame& frame) {
  const wire::ActorSpec actor = wire::read_actor(frame.payload);
  RankId host;
  try {
    host = actors_.add(actor);
  } catch (const UsageError& error) {
    return reply(from, frame, {error.what(), {}});
  }
  count_calls(actor.parent, 1);
  outbox_.send(host, wire::make_frame(FrameType::start_actor, wire::write(actor)));
  for (const RankId rank : actors_.take_waiting(actor.id)) {
    outbox_.send(rank, wire::make_frame(FrameType::actor_location, wire::write(wire::ActorLocation{actor.id, host})));
  }
  if (frame.header.sequence != 0) reply(from, frame, {});
  std::erase_if(finders_, [&](const Finder& finder) {
    if (finder.name != actor.name) return false;
    answer_find(finder.from, finder.request);
    return true;
  });
}

void Head::on_find_actor(RankId from, const Frame& frame) {
  ByteReader reader{frame.payload};
  std::string name{reader.get_text()};
  reader.get_text();
  const auto timeout = reader.get<std::int64_t>();
  if (timeout <= 0 || actors_.has(name)) return answer_find(from, frame);
  Frame request = frame;
  request.payload = request.payload.compact();
  finders_.push_back({from, std::move(request), std::move(name), clock_() + timeout});
}

void Head::answer_find(RankId from, const Frame& frame) {
  ByteReader reader{frame.payload};
  const std::string name{reader.get_text()};
  const std::string class_name{reader.get_text()};
  wire::Reply answer;
  try {
    ByteBuffer id;
    id.put(actors_.find(name, class_name));
    answer.bytes = Bytes{std::move(id)};
  } catch (const UsageError& error) {
    answer.error = error.what();
  }
  reply(from, frame, std::move(answer));
}

void Head::on_kill_actor(const Frame& frame) {
  ByteReader reader{frame.payload};
  const auto id = reader.get<ActorId>();
  const auto* actor = actors_.entry(id);
  if (actor == nullptr) throw Error{"killing an actor: actor " + std::to_string(id.number) + " has not been created"};
  actors_.free_name(id);
  Frame kill = frame;
  kill.header.lane = {};
  outbox_.send(actor->rank, std::move(kill));
}

void Head::send_pool_call(std::optional<ActorPools::Assignment> assignment) {
  if (!assignment) return;
  const auto* member = actors_.entry(assignment->member);
  if (member == nullptr) throw Error{"calling an actor pool: one of its actors has not been created"};
  outbox_.send(member->rank, wire::make_frame(FrameType::call, wire::write(assignment->call)));
}

void Head::reply(RankId to, const Frame& request, wire::Reply answer) {
  Frame frame = wire::make_frame(FrameType::reply, wire::write(answer), request.header.lane);
  frame.header.sequence = request.header.sequence;
  outbox_.send(to, std::move(frame));
}

wire::Reply Head::describe_cluster() const {
  ByteBuffer answer;
  answer.put<std::int32_t>(layout_.nodes);
  answer.put<std::int32_t>(layout_.ranks);
  answer.put(static_cast<std::int32_t>(layout_.workers.size()));
  answer.put<double>(dispatcher_.slots());
  answer.put<double>(dispatcher_.free_slots());
  return {{}, Bytes{std::move(answer)}};
}

void Head::on_driver_done(const Frame& frame) {
  driver_ = lane::read_driver_result(frame.payload);
  count_calls(TaskId{}, driver_->calls_made);
}

void Head::count_calls(TaskId caller, std::int64_t calls) {
  if (calls == 0) return;
  const auto place = open_calls_.try_emplace(caller, 0).first;
  place->second += calls;
  if (place->second == 0) open_calls_.erase(place);
}

bool Head::finished() const {
  if (!driver_) return false;
  return driver_->exit_code != 0 || (finished_ == submitted_ && open_calls_.empty());
}

int Head::close() {
  entries_.for_each([&](std::uint64_t, const Entry& entry) {
    if (entry.state == Entry::State::failed && !entry.asked) unheard(entry.value);
  });
  for (const auto& [actor, failure] : failed_constructions_)
    if (actors_.entry(actor)->calls == 0) unheard(failure);
  if (driver_->exit_code != 0) return driver_->exit_code;
  return unheard_count_ == 0 ? 0 : 1;
}

Head::Progress Head::progress() const { return {submitted_, finished_, dispatcher_.running()}; }

double Head::seconds(std::int64_t nanoseconds) const { return static_cast<double>(nanoseconds - run_began_) * 1e-9; }

/// What to add to a rank's clock to have the head's: the least that any message showed (Cristian 1989, one way). It
/// errs by the fastest message's latency, always late, so a task never seems to start before it was submitted.
std::int64_t Head::clock_offset(RankId from, std::int64_t finished) {
  const std::int64_t seen = clock_() - finished;
  const auto place = clock_offsets_.try_emplace(from, seen).first;
  return place->second = std::min(place->second, seen);
}

std::uint32_t Head::name_of(FunctionId function, const std::string& label) {
  if (!label.empty()) return recorder_.name(label);
  if (function.number >= function_names_.size()) function_names_.resize(function.number + 1);
  std::uint32_t& known = function_names_[function.number];
  if (known == 0) known = recorder_.name(FunctionRegistry::at(function).name) + 1;
  return known - 1;
}

}  // namespace crema::head
