#include "head/head.hpp"

#include <algorithm>

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
  entry.parent = task.parent;
  entry.name = name_of(task.function, task.label);
  entry.submitted = clock_();
  ++submitted_;
  dispatcher_.add_ready({task.priority, task.depth}, {task.id, task.function, frame.payload.compact()});
}

void Head::turn() {
  if (!dispatching_) return;
  for (Dispatcher::Assignment& assignment : dispatcher_.assign()) {
    Entry& entry = entries_[assignment.task.id.number];
    entry.state = Entry::State::sent;
    entry.worker = assignment.worker;
    entry.load = assignment.load;
    Frame frame{{.type = FrameType::run_task}, std::move(assignment.task.frame_payload)};
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
  if (outcome.failed) recorder_.failure(decode_failure(outcome.value));
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
    return complete(outcome.id, entries_[outcome.id.number], outcome.failed, outcome.value);
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
                     .state = outcome.failed ? record::TaskState::failed : record::TaskState::finished,
                     .submitted = seconds(entry->submitted),
                     .started = seconds(outcome.started + offset),
                     .finished = seconds(outcome.finished + offset),
                     .bytes_in = outcome.bytes_in,
                     .bytes_out = outcome.value.size()});
  ++finished_;
  complete(outcome.id, *entry, outcome.failed, outcome.value);
}

void Head::complete(TaskId id, Entry& entry, bool failed, const Bytes& value) {
  entry.state = failed ? Entry::State::failed : Entry::State::done;
  // Nobody can ask any more: keep no copy.
  if (!entry.released || !entry.waiters.empty() || failed) entry.value = value.compact();
  for (const Waiter waiter : entry.waiters) deliver(id, entry, waiter);
  entry.waiters = {};
  forget_if_unneeded(id, entry);
}

void Head::deliver(TaskId id, const Entry& entry, Waiter waiter) {
  const wire::Value value{id, entry.state == Entry::State::failed, entry.value};
  outbox_.send(waiter.rank, wire::make_frame(FrameType::value, wire::write(value), waiter.lane));
}

void Head::forget_if_unneeded(TaskId id, const Entry& entry) {
  if (!entry.released || entry.state < Entry::State::done) return;
  if (entry.state == Entry::State::failed && !entry.asked) unheard(entry.value);
  entries_.erase(id.number);
}

void Head::unheard(const Bytes& failure) {
  ++unheard_count_;
  if (unheard_.size() < max_unheard_kept) unheard_.push_back(decode_failure(failure));
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
    entry.released = true;
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
}

void Head::on_find_actor(RankId from, const Frame& frame) {
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
