// Actors whose lane or rank was lost: each is constructed anew, and the calls that are recorded of it are applied
// again, in their order. What these do a second time is what they did the first time, so it is taken from the history.
#include <limits>

#include "crema/registry.hpp"
#include "head/head.hpp"

namespace crema::head {

using history::Past;
using wire::Frame;
using wire::FrameType;

namespace {

/// What need not be applied for the actor's state once it has ended.
bool changes_nothing(const wire::CallSpec& call) { return FunctionRegistry::at(call.method).traits.is_const; }

}  // namespace

const Past::Completion* Head::recorded(TaskKey key) const {
  const Past::Completion* completion = past_.find(key);
  return completion != nullptr ? completion : own_.find(key);
}

const Past::Completion* Head::recorded_value(TaskKey key) const {
  // A source has ended before what has its value, so the way is not a circle.
  const Past::Completion* completion = recorded(key);
  while (completion != nullptr && completion->succeeded && completion->kept == history::Task::Kept::another)
    completion = recorded(completion->source);
  const bool kept = completion != nullptr && completion->succeeded && completion->kept != history::Task::Kept::nothing;
  return kept ? completion : nullptr;
}

Offer Head::offer_of(RankId rank) const {
  return layout_.offers.empty() ? Offer{.cpus = std::numeric_limits<double>::infinity()}
                                : layout_.offers[static_cast<std::size_t>(rank.number)];
}

void Head::lose_actors(RankId rank, const std::string& reason) {
  std::vector<ActorId> lost;
  std::map<ActorId, std::string> given_up;
  for (const auto& [id, actor] : actors_.directory().all()) {
    if (actor.rank != rank) continue;
    if (!has_history(id)) {
      given_up.emplace(id, "is in no history (--journal off, or ActorOptions::durable = false)");
    } else if (actor.gone || (actor.restarts == 0 && !actor.killed)) {
      given_up.emplace(id, "was built anew as often as its ActorOptions::max_restarts allows");
    } else {
      lost.push_back(id);
    }
  }
  actors_.remove_host(rank);
  if (!actors_.directory().has_hosts()) actors_.add_host(head_rank, offer_of(head_rank));
  lose_held_calls(rank);
  for (const ActorId actor : lost) lose_actor(actor, true);
  // Before calls that have ended are sent again.
  if (!given_up.empty()) calls_to_tell_.tell_all();
  for (const auto& [actor, why] : given_up) {
    give_up(actor, actors_.directory().entry(actor)->class_name + " was lost with rank " + std::to_string(rank.number) +
                       " (" + reason + ") and " + why + "; create another one");
  }
  rebuilding_.untaught.erase(rank);
}

void Head::lose_actor(ActorId actor, bool rank_lost) {
  actors_.lose(actor, rank_lost);
  rebuilding_.now.erase(actor);
  rebuilding_.lost.insert(actor);
  if (end_applied_again(actor)) rebuilding_.awaited.insert(actor);
}

/// Of these no outcome comes any more, nor are calls waited for that they have made: what is built anew makes them, or
/// nobody does. Returns whether there were any.
bool Head::end_applied_again(ActorId actor) {
  std::vector<TaskId> applied_again;
  for (const auto& [id, call] : calls_)
    if (call.done && call.actor == actor) applied_again.push_back(id);
  for (const TaskId id : applied_again) {
    calls_.erase(id);
    count_calls({}, -1);
    next_attempt(id);  // those calls do not count, should they still come
    unpin_of(id);
  }
  std::vector<TaskId> ended;
  for (const auto& [id, its_actor] : applied_again_)
    if (its_actor == actor) ended.push_back(id);
  for (const TaskId id : ended) {
    applied_again_.erase(id);
    next_attempt(id);
    forget_attempts(id);
  }
  return !applied_again.empty() || !ended.empty();
}

/// Calls that have ended there, and whose own calls may have been lost on their way: they are applied again.
void Head::lose_held_calls(RankId rank) {
  std::erase_if(held_, [&](const auto& held) {
    const auto& [from, outcome] = held.second;
    if (from != rank || outcome.work != wire::Outcome::Work::call) return false;
    if (outcome.attempt >= attempts_.first_counted(outcome.parent)) count_calls(outcome.parent, 1);
    unpin(wire::ids_of(outcome.carried));
    return true;
  });
}

void Head::go_on_rebuilding() {
  Rebuilding& rebuilding = rebuilding_;
  if (rebuilding.phase == Rebuilding::Phase::idle) {
    if (rebuilding.lost.empty()) return;
    rebuilding.phase = Rebuilding::Phase::reading;
    rebuilding.now = std::exchange(rebuilding.lost, {});
    rebuilding.reading = std::make_shared<Rebuilding::Reading>();
    std::unordered_map<ActorId, std::uint64_t> before;
    for (const auto& [actor, calls] : past_.calls()) before.emplace(actor, calls.size());
    keeper_->read_back([reading = rebuilding.reading, before = std::move(before)](journal::RecordSource& source) {
      try {
        reading->past = Past{source, before};
      } catch (const std::exception& error) {
        reading->error = error.what();
      }
      reading->done.store(true, std::memory_order_release);
    });
  }
  if (rebuilding.phase == Rebuilding::Phase::reading) {
    if (!rebuilding.reading->done.load(std::memory_order_acquire)) return;
    const auto reading = std::exchange(rebuilding.reading, nullptr);
    if (!reading->error.empty()) {
      rebuilding.phase = Rebuilding::Phase::idle;
      throw Error{"building an actor anew: " + reading->error};
    }
    own_ = std::move(reading->past);
    for (const auto& [id, call] : calls_)
      if (!call.done) names_.try_emplace(call.key, RestoredName{id, true});
    teach_hosts();
    rebuilding.phase = Rebuilding::Phase::teaching;
  }
  if (!rebuilding.untaught.empty()) return;
  rebuilding.phase = Rebuilding::Phase::idle;
  for (const ActorId actor : std::exchange(rebuilding.now, {})) build_anew(actor);
}

/// Hosts forget a call once its caller has ended. What is built anew makes such calls again.
void Head::teach_hosts() {
  std::map<RankId, std::vector<wire::KnownCall>> known;
  for (const auto& [actor, calls] : own_.calls()) {
    const ActorDirectory::Entry* entry = actors_.directory().entry(actor);
    if (entry == nullptr || entry->rank.number < 0 || rebuilding_.now.contains(actor)) continue;
    for (const Past::Call& call : calls)
      if (call.spec.parent != TaskId{}) known[entry->rank].push_back({actor, call.spec.key});
  }
  ++rebuilding_.round;
  for (const auto& [host, calls] : known) {
    Frame frame = wire::make_frame(FrameType::known_calls, wire::write_known_calls(calls));
    frame.header.sequence = rebuilding_.round;
    outbox_.send(host, std::move(frame));
    rebuilding_.untaught.insert(host);
  }
}

void Head::on_taught(RankId from, const Frame& frame) {
  if (frame.header.sequence == rebuilding_.round) rebuilding_.untaught.erase(from);
}

void Head::build_anew(ActorId actor) {
  rebuilding_.awaited.erase(actor);
  const auto own = own_.creations().find(actor);
  const bool is_own = own != own_.creations().end();
  wire::ActorSpec spec = is_own ? own->second.spec : past_.creations().at(actor).spec;
  if (!is_own) spec.parent = {};
  if (spec.occupation) spec.occupation->gpus.clear();
  spec.blobs = keeper_->blobs();

  std::vector<TaskKey> named;
  const auto add_lost_names = [&](const Arguments& arguments) {
    for (const Named<TaskId>& carried : arguments.carried)
      if (entries_.find(carried.id.number) == nullptr) named.push_back(carried.key);
  };
  if (is_own) add_lost_names(spec.arguments);
  if (const auto calls = own_.calls().find(actor); calls != own_.calls().end())
    for (const Past::Call& call : calls->second) add_lost_names(call.spec.arguments);
  bring_back(std::move(named), {});

  translate(spec.arguments.bytes, spec.arguments.carried, is_own);
  const TaskId construction = construction_of(actor);
  next_attempt(construction);
  constructing_.insert(actor);
  pin_until_done(construction, wire::ids_of(spec.arguments.carried));
  actors_.restart(std::move(spec), all_ranks());
  give_up_impossible();
}

std::vector<RankId> Head::all_ranks() const {
  std::vector<RankId> ranks;
  for (int rank = 0; rank < layout_.ranks; ++rank) ranks.push_back(RankId{rank});
  return ranks;
}

const Past::Snapshot* Head::snapshot_of(ActorId actor) const {
  const Past::Snapshot* own = own_.snapshot(actor);
  return own != nullptr ? own : past_.snapshot(actor);
}

/// What an actor is given when it starts, before anybody else calls it.
ActorService::Recorded Head::recorded_calls(const wire::ActorSpec& spec) {
  const ActorId actor = spec.id;
  ActorService::Recorded recorded{.incarnation = attempts_.of(construction_of(actor))};
  const bool anew = recorded.incarnation > 0;
  const Past::Snapshot* snapshot = snapshot_of(actor);
  if (snapshot != nullptr) recorded.state = snapshot->state;
  const std::uint64_t covered = snapshot == nullptr ? 0 : snapshot->place;
  if (FunctionRegistry::at(spec.constructor).traits.save != nullptr) snapshots_.start(actor);
  const auto add = [&](const Past& past, bool own) {
    const auto calls = past.calls().find(actor);
    if (calls == past.calls().end()) return;
    for (const Past::Call& call : calls->second)
      recorded.calls.push_back(recorded_call_at(actor, call, own, recorded.calls.size() < covered, anew));
  };
  add(past_, false);
  if (anew) add(own_, true);
  return recorded;
}

/// The call at the actor's next place.
Frame Head::recorded_call_at(ActorId actor, const Past::Call& call, bool own, bool covered, bool anew) {
  const std::uint64_t place = snapshots_.next_place(actor);
  Frame frame = covered ? recorded_call(call.spec, 0, true)
                : own   ? call_of_this_start(call)
                        : call_of_earlier_start(call, anew);
  if ((frame.header.flags & (wire::flag_ended_lane | wire::flag_has_ended)) != 0) {
    snapshots_.ended(actor, place);
  } else {
    snapshots_.expect(wire::read_call_head(frame.payload).id, actor, place);
  }
  return frame;
}

Frame Head::recorded_call(const wire::CallSpec& spec, std::uint32_t attempt, bool skip) const {
  Frame frame = wire::make_frame(FrameType::call, wire::write(spec));
  const auto placed = calls_.find(spec.id);
  const bool ended = placed != calls_.end() && placed->second.done;
  frame.header.flags = static_cast<std::uint16_t>(wire::flag_recorded | (skip ? wire::flag_ended_lane : 0) |
                                                  (ended ? wire::flag_has_ended : 0));
  frame.header.attempt = attempt;
  frame.header.incarnation = attempts_.of(spec.id);
  return frame;
}

Frame Head::call_of_earlier_start(const Past::Call& call, bool anew) {
  wire::CallSpec spec = call.spec;
  spec.parent = {};
  if (past_.is_skipped(spec.key) || own_.is_skipped(spec.key)) return recorded_call(spec, 0, true);
  const auto named = names_.find(spec.key);
  const bool runs = named != names_.end() && is_under_way(named->second.id, spec.key);
  if (runs) {
    spec.id = named->second.id;
    next_attempt(spec.id);
  } else {
    const bool done = anew || recorded_value(spec.key) != nullptr;
    if (done && changes_nothing(spec)) return recorded_call(spec, 0, true);
    spec.id = done ? restored_ids_.next() : name(spec.key);
    calls_.insert_or_assign(spec.id,
                            PlacedCall{.key = spec.key, .actor = spec.actor, .method = spec.method, .done = done});
    count_calls({}, 1);
    if (!done) {
      names_.at(spec.key).bound = true;
      if (const std::uint64_t order = recorded_order(spec.key); order > 0) entries_[spec.id.number].order = order;
      keeper_->follow({spec.id, spec.key}, call.caller);
    }
  }
  translate(spec.arguments.bytes, spec.arguments.carried);
  return recorded_call(spec, 0, false);
}

Frame Head::call_of_this_start(const Past::Call& call) {
  wire::CallSpec spec = call.spec;
  if (own_.is_skipped(spec.key)) return recorded_call(spec, 0, true);
  std::uint32_t attempt = 0;
  if (is_under_way(spec.id, spec.key)) {
    attempt = calls_.at(spec.id).attempt;
    next_attempt(spec.id);
  } else if (changes_nothing(spec)) {
    return recorded_call(spec, 0, true);
  } else {
    spec.id = restored_ids_.next();
    spec.parent = {};
    calls_.insert_or_assign(spec.id, PlacedCall{.key = spec.key, .actor = spec.actor, .done = true});
    count_calls({}, 1);
  }
  translate(spec.arguments.bytes, spec.arguments.carried, true);
  if (calls_.at(spec.id).done) pin_until_done(spec.id, wire::ids_of(spec.arguments.carried));
  return recorded_call(spec, attempt, false);
}

/// Whether the call has its place, and its outcome has not come.
bool Head::is_under_way(TaskId id, TaskKey key) const {
  const auto call = calls_.find(id);
  return call != calls_.end() && call->second.key == key && !call->second.done && !held_.contains(id);
}

/// What is applied again starts its tasks again, also those that still run.
void Head::name_unfinished(const wire::TaskHead& task) {
  const auto parent = calls_.find(task.parent);
  const bool again = (parent != calls_.end() && parent->second.done) || attempts_.of(task.parent) > 0;
  if (!again || names_.contains(task.key)) return;
  const TaskId runs = keeper_->unfinished(task.key);
  if (runs != TaskId{} && runs != task.id) names_.emplace(task.key, RestoredName{runs, true});
}

}  // namespace crema::head
