#include "head/head.hpp"

#include <algorithm>
#include <limits>

#include "crema/registry.hpp"
#include "head/failures.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;
using wire::Outcome;

/// How long a worker may end nothing before it is asked for what it has not begun.
constexpr std::int64_t stuck_nanoseconds = 1'000'000;

}  // namespace

Head::Head(wire::Outbox& outbox, Recorder& recorder, store::ObjectStore& store, Layout layout, std::int64_t run_began,
           Clock clock)
    : outbox_{outbox},
      recorder_{recorder},
      store_{store},
      layout_{std::move(layout)},
      run_began_{run_began},
      clock_{clock},
      dispatcher_{resources_},
      actors_{outbox, resources_},
      objects_{outbox},
      watches_{outbox, [this](TaskId id) { return is_there(id); },
               [this](Named<TaskId> work) { return order_of(work); },
               [this](const wire::Wait& wait, const auto& places) { keep_answer(wait, places); }},
      workers_{layout_.workers} {
  for (const RankId worker : layout_.workers) dispatcher_.add_worker(worker, offer_of(worker));
  for (const RankId host : layout_.actor_hosts) actors_.add_host(host, offer_of(host));
}

void Head::on_frame(RankId from, Frame frame) {
  switch (frame.header.type) {
    case FrameType::submit:
      return on_submit(frame);
    case FrameType::outcome:
      return on_outcome(from, frame);
    case FrameType::pull:
      return dispatcher_.on_pull(from, wire::read_pull(frame.payload));
    case FrameType::handed_back:
      return on_handed_back(from, frame);
    case FrameType::get:
      return on_get(from, frame);
    case FrameType::unget:
      return on_unget(from, frame);
    case FrameType::release:
      return on_release(from, frame);
    case FrameType::retain:
      return on_retain(from, frame);
    case FrameType::lane_lost:
      lose_lane(from, frame.header.lane);
      if (!frame.payload.empty()) lose_actor(wire::read_actor_lost(frame.payload).actor, false);
      return;
    case FrameType::known_calls:
      return on_taught(from, frame);
    case FrameType::put:
      return on_put(from, frame);
    case FrameType::pin:
      return on_pin(frame);
    case FrameType::wait:
      return on_wait(from, frame);
    case FrameType::checkpoint:
      return on_checkpoint(frame);
    case FrameType::restore:
      return on_restore(from, frame);
    case FrameType::sync:
      return on_sync(from, frame);
    case FrameType::snapshot:
      return snapshots_.on_snapshot(wire::read_snapshot(frame.payload));
    case FrameType::watch:
      return watches_.on_watch(from, frame);
    case FrameType::unwatch:
      return watches_.on_unwatch(from, frame);
    case FrameType::have:
      return objects_.on_have(from, frame);
    case FrameType::cancel:
      return on_cancel(frame);
    case FrameType::heard:
      return outbox_.send(from, wire::make_frame(FrameType::heard));
    case FrameType::ready: {
      ByteBuffer answer;
      answer.put<std::uint8_t>(is_there(wire::read_ids(frame.payload).at(0)));
      return send_reply(outbox_, from, frame, {{}, Bytes{std::move(answer)}});
    }
    case FrameType::cluster:
      return send_reply(outbox_, from, frame, describe_cluster());
    case FrameType::create_actor:
      return on_create(from, frame);
    case FrameType::find_actor:
      return actors_.on_find(from, frame, clock_());
    case FrameType::kill_actor:
      actors_.on_kill(frame);
      if (keeper_) keeper_->killed(ByteReader{frame.payload}.get<ActorId>());
      return;
    case FrameType::taken:
      return on_taken(from, frame);
    case FrameType::create_pool:
      return actors_.on_create_pool(frame);
    case FrameType::call_pool:
      if (claim_pool_call(frame)) return;
      return actors_.on_pool_call(frame);
    case FrameType::locate_actor:
      return actors_.on_locate(from, frame);
    case FrameType::driver_done:
      return on_driver_done(frame);
    default:
      throw Error{"handling a message from rank " + std::to_string(from.number) + ": the head does not know type " +
                  std::to_string(static_cast<int>(frame.header.type)) + "; do all ranks run the same build?"};
  }
}

void Head::on_submit(Frame& frame) {
  const wire::TaskHead head = wire::read_task_head(frame.payload);
  if (take_over(head)) return;
  if (keeper_ && take_from_history(head, frame.payload)) return;
  Entry& entry = entries_[head.id.number];
  if (entry.order == 0) entry.order = order_before(head.parent, head.key.high);
  entry.state = Entry::State::ready;
  entry.key = head.key.high;
  entry.parent = head.parent;
  entry.submitted = now();
  entry.counted = count_child(head.parent, 1);
  ++submitted_;
  if (head.plain) {
    entry.name = name_of(head.function, {});
    return dispatcher_.add_ready(head.order, {head.id, head.function, waiting_tasks_.compact(frame.payload)});
  }
  wire::TaskSpec task = wire::read_task(frame.payload);
  if (keeper_) name_blobs(task, frame);
  entry.name = name_of(task.function, task.label);
  const Arguments& arguments = task.arguments;
  if (task.occupation && !dispatcher_.refusal(task.occupation->resources).empty()) return refuse(task);
  Blocked blocked = Head::blocked(task, frame.payload);
  if (arguments.inputs.empty() && arguments.carried.empty()) return add_ready(std::move(blocked));
  std::vector<TaskId> inputs;
  for (const Input& input : arguments.inputs) {
    inputs.push_back(input.id);
    recorder_.dependency(task.id, input.id);
  }
  std::vector<TaskId> needed = inputs;
  for (const Named<TaskId>& carried : arguments.carried) needed.push_back(carried.id);
  pin_until_done(task.id, needed);
  block_or_add(std::move(blocked), inputs);
}

void Head::add_ready(Blocked task) {
  if (task.wanted && ranks_lost_ > 0 && !dispatcher_.refusal(*task.wanted).empty())
    return refuse(wire::read_task(task.task.frame_payload));
  if (task.task.has_inputs)
    task.task.near = objects_.nearest(wire::read_task(task.task.frame_payload).arguments.inputs);
  if (task.wanted) return dispatcher_.add_ready(task.order, std::move(task.task), *task.wanted);
  dispatcher_.add_ready(task.order, std::move(task.task));
}

void Head::block_or_add(Blocked blocked, const std::vector<TaskId>& inputs) {
  const TaskId id = blocked.task.id;
  for (const TaskId input : inputs) {
    Entry& needed = entry_of(input);
    if (is_gone(input, needed)) make_again(input);
    if (needed.state == Entry::State::failed) {
      needed.asked = true;
      if (keeper_) keeper_->heard(input);
      return finish_without_running(id, needed.value);
    }
    if (needed.state == Entry::State::done) continue;
    ++blocked.missing;
    dependents_[input].push_back({id});
  }
  if (blocked.missing == 0) return add_ready(std::move(blocked));
  entries_[id.number].state = Entry::State::waiting;
  blocked.task.frame_payload = blocked.task.frame_payload.compact();  // it may stay longer than its packet
  blocked_.emplace(id, std::move(blocked));
}

/// An input has failed, or somebody has cancelled it.
void Head::finish_without_running(TaskId id, const Bytes& failure) {
  Entry& entry = entries_[id.number];
  blocked_.erase(id);
  const bool cancelled = decode(failure).kind == Failure::Kind::cancelled;
  record_without_running(id, entry, cancelled ? record::TaskState::cancelled : record::TaskState::failed);
  ++finished_;
  complete({id, true, failure});
}

void Head::turn(bool dispatch) {
  const std::int64_t now = clock_();
  now_.reset();
  clock_offsets_.begin_turn();
  if (keeper_) tell_what_is_recorded();
  go_on_rebuilding();
  answer_syncs();
  watches_.end_late(now);
  actors_.end_late(now);
  if (!dispatch || !dispatching_) return;
  for (Dispatcher::Assignment& assignment : dispatcher_.assign()) {
    if (ranks_lost_ > 0 && assignment.task.has_inputs && put_off(assignment)) continue;
    Entry& entry = entries_[assignment.task.id.number];
    entry.state = Entry::State::sent;
    entry.worker = assignment.worker;
    entry.load = assignment.load;
    entry.value = assignment.task.frame_payload;
    Frame frame{{.type = FrameType::run_task}, std::move(assignment.task.frame_payload)};
    std::vector<Named<TaskId>> stored = stored_before(assignment.task.id);
    if (assignment.task.has_inputs || assignment.occupation || !stored.empty()) {
      wire::TaskSpec task = wire::read_task(frame.payload);
      task.stored_before = std::move(stored);
      if (assignment.occupation) {
        frame.header.flags |= wire::flag_resources;
        task.occupation = std::move(*assignment.occupation);
      }
      add_values(task, frame, assignment.worker);
      frame.payload = Bytes{wire::write(task)};
    }
    frame.header.payload_size = frame.payload.size();
    outbox_.send(assignment.worker, std::move(frame));
  }
  ask_stuck_workers(now);
}

/// A short task may turn out to be long, and those behind it wait while others have nothing to do.
void Head::ask_stuck_workers(std::int64_t now) {
  if (now - asked_stuck_workers_ < stuck_nanoseconds) return;
  asked_stuck_workers_ = now;
  for (const RankId worker : dispatcher_.stuck_workers()) outbox_.send(worker, wire::make_frame(FrameType::hand_back));
}

void Head::on_handed_back(RankId from, const Frame& frame) {
  const wire::TaskSpec task = wire::read_task(frame.payload);
  Entry* entry = entries_.find(task.id.number);
  if (entry == nullptr || entry->state != Entry::State::sent) return;
  dispatcher_.take_back(from, task.id, entry->load);
  if (std::exchange(entry->cancelled, false))
    return finish_without_running(task.id, cancelled_failure(task.id, *entry));
  entry->state = Entry::State::ready;
  add_ready(blocked(task, std::exchange(entry->value, {})));
}

void Head::stop_dispatching() {
  dispatching_ = false;
  dispatcher_.clear();
}

void Head::on_outcome(RankId from, const Frame& frame) {
  Outcome outcome = wire::read_outcome(frame.payload);
  const std::int64_t offset = clock_offsets_.learn(from, outcome.finished);
  const bool early = (frame.header.flags & wire::flag_early) != 0;
  if (outcome.failed && !early) {
    if (const Entry* failed = entries_.find(outcome.id.number); failed != nullptr && failed->submitted > 0)
      outcome.value = named(outcome.value, recorder_.text(failed->name));
    record_failure(outcome.value);
  }
  if (outcome.work != Outcome::Work::task) {
    const auto placed = calls_.find(outcome.id);
    if (placed == calls_.end() || !placed->second.done) {
      ++calls_ended_;
      actors_.on_outcome(outcome);
    }
    const bool ended_lane = (frame.header.flags & wire::flag_ended_lane) != 0;
    // How many calls it has made is not known.
    if (ended_lane || (frame.header.flags & wire::flag_sent_again) != 0) next_attempt(outcome.id);
    if (ended_lane && placed != calls_.end() && !placed->second.done) lethal_calls_.insert(outcome.id);
    count_calls(outcome.id, outcome.calls_made);
    if (outcome.work == Outcome::Work::call) {
      const bool counts = outcome.attempt >= attempts_.first_counted(outcome.parent);
      end_call(from, outcome, (frame.header.flags & wire::flag_repeatable) != 0);
      if (counts) count_calls(outcome.parent, -1);
      return;
    }
    constructing_.erase(outcome.actor);
    unpin_of(outcome.id);
    return;
  }
  Entry* entry = entries_.find(outcome.id.number);
  if (entry == nullptr || entry->state != Entry::State::sent || outcome.attempt != attempts_.of(outcome.id)) {
    // An attempt that was given up.
    if (outcome.stored > 0) objects_.forget_at(from, outcome.id);
    return;
  }
  dispatcher_.ended(from, outcome.id, outcome.function, entry->load, outcome.finished - outcome.started);
  const Failure::Kind failure = outcome.failed ? decode(outcome.value).kind : Failure::Kind::task;
  recorder_.attempt({.id = outcome.id,
                     .parent = entry->parent,
                     .function = entry->name,
                     .attempt = static_cast<std::uint16_t>(outcome.attempt),
                     .rank = from,
                     .state = entry->cancelled ? record::TaskState::cancelled
                              : early          ? record::TaskState::interrupted
                                               : state_of(outcome.failed, failure),
                     .submitted = seconds(entry->submitted),
                     .started = seconds(outcome.started + offset),
                     .finished = seconds(outcome.finished + offset),
                     .bytes_in = outcome.bytes_in,
                     .bytes_out = outcome.stored > 0 ? outcome.stored : outcome.value.size(),
                     .key = entry->key});
  if (early && !entry->cancelled) {
    // Not what the task gives: it is as if it had not run, and nothing is started any more.
    entry->state = Entry::State::ready;
    count_calls(outcome.id, outcome.calls_made);
    if (outcome.stored > 0) objects_.forget_at(from, outcome.id);
    return;
  }
  const bool lost = !entry->cancelled && (failure == Failure::Kind::crashed || failure == Failure::Kind::timeout);
  if (!lost) count_calls(outcome.id, outcome.calls_made);
  if (outcome.failed && !entry->cancelled) {
    if (try_again(outcome.id, *entry, lost)) {
      if (!lost) leave_children(global_lane(from, frame.header.lane), outcome.id);
      return;
    }
    outcome.value = after_attempts(decode(outcome.value));
  }
  ++finished_;
  if (attempts_.of(outcome.id) != outcome.attempt) outcome.durable_calls = 0;  // nobody waits for those of its last
  if (entry->cancelled) {
    if (outcome.stored > 0) objects_.forget_at(from, outcome.id);
    return complete({outcome.id, true, cancelled_failure(outcome.id, *entry)});
  }
  entry->state = Entry::State::ended;
  if (!outcome.failed && outcome.stored > 0 && outcome.blob == 0 && from != head_rank)
    remember_recipe(outcome.id, *entry);
  if (keeper_) return end_once_calls_are_recorded(from, outcome);
  end(from, outcome);
}

void Head::record_failure(const Bytes& bytes) {
  const Failure failure = decode(bytes);
  if (failure.kind != Failure::Kind::cancelled) recorder_.failure(failure);
}

void Head::on_driver_done(const Frame& frame) {
  driver_ = lane::read_driver_result(frame.payload);
  driver_->early = (frame.header.flags & wire::flag_early) != 0;
  count_calls(TaskId{}, driver_->calls_made);
}

void Head::count_calls(TaskId caller, std::int64_t calls) {
  if (calls == 0) return;
  const auto place = open_calls_.try_emplace(caller, 0).first;
  place->second += calls;
  if (place->second != 0) return;
  open_calls_.erase(place);
  applied_again_.erase(caller);
  if (const auto found = repeatable_.find(caller); found != repeatable_.end() && found->second.over)
    forget_attempts(caller);
}

bool Head::finished() const {
  if (!driver_) return false;
  return driver_->exit_code != 0 ||
         (finished_ == submitted_ && storing_ == 0 && constructing_.empty() && open_calls_.empty() && calls_.empty() &&
          repeats_.empty() && rebuilding_.awaited.empty());
}

int Head::close() {
  entries_.for_each([&](std::uint64_t, const Entry& entry) {
    if (entry.state == Entry::State::failed && !entry.asked) unheard(entry.value);
  });
  for (const Bytes& failure : actors_.unheard_failures()) unheard(failure);
  if (driver_->exit_code != 0) return driver_->exit_code;
  return unheard_count_ == 0 ? 0 : 1;
}

Head::Progress Head::progress() const { return {submitted_, finished_, dispatcher_.running(), calls_ended_}; }

double Head::seconds(std::int64_t nanoseconds) const { return static_cast<double>(nanoseconds - run_began_) * 1e-9; }

Failure Head::decode(const Bytes& failure) {
  ByteReader reader{failure};
  return wire::read_failure(reader);
}

std::uint32_t Head::name_of(FunctionId function, const std::string& label) {
  if (!label.empty()) return recorder_.name(label);
  if (function.number >= function_names_.size()) function_names_.resize(function.number + 1);
  std::uint32_t& known = function_names_[function.number];
  if (known == 0) known = recorder_.name(FunctionRegistry::at(function).name) + 1;
  return known - 1;
}

}  // namespace crema::head
