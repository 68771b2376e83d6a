#include "head/actor_service.hpp"

#include <algorithm>

#include "crema/errors.hpp"

namespace crema::head {

using wire::Frame;
using wire::FrameType;

bool ActorService::on_create(RankId from, const Frame& frame) {
  wire::ActorSpec actor = wire::read_actor(frame.payload);
  if (directory_.entry(actor.id) != nullptr) {
    if (frame.header.sequence != 0) send_reply(outbox_, from, frame, {});
    return false;
  }
  try {
    directory_.add(actor);
  } catch (const UsageError& error) {
    send_reply(outbox_, from, frame, {error.what(), {}});
    return false;
  }
  if (directory_.place(actor)) {
    start(actor);
  } else {
    unplaced_.push_back(actor);
    unplaced_.back().arguments.bytes = actor.arguments.bytes.compact();
  }
  if (frame.header.sequence != 0) send_reply(outbox_, from, frame, {});
  std::erase_if(finders_, [&](const Finder& finder) {
    if (finder.name != actor.name) return false;
    answer(finder.from, finder.request);
    return true;
  });
  return true;
}

void ActorService::start(wire::ActorSpec actor) {
  const RankId host = directory_.entry(actor.id)->rank;
  Recorded recorded;
  const bool has_history = recorded_calls_ && actor.durable;
  if (has_history) {
    recorded = recorded_calls_(actor);
    actor.state = std::move(recorded.state);
  }
  Frame start = wire::make_frame(FrameType::start_actor, wire::write(actor));
  if (has_history) {
    start.header.flags |= wire::flag_durable;
    start.header.sequence = recorded.calls.size();
    start.header.incarnation = recorded.incarnation;
  }
  outbox_.send(host, std::move(start));
  for (Frame& call : recorded.calls) outbox_.send(host, std::move(call));
  send_pool_calls(actor.id);
  for (const RankId rank : directory_.take_waiting(actor.id)) tell_location(rank, actor.id);
}

void ActorService::tell_location(RankId to, ActorId actor) {
  const wire::ActorLocation location{actor, directory_.entry(actor)->rank};
  outbox_.send(to, wire::make_frame(FrameType::actor_location, wire::write(location)));
}

void ActorService::lose(ActorId actor, bool rank_lost) {
  directory_.lose(actor, rank_lost);
  restarting_.emplace(actor, directory_.is_killed(actor));
}

void ActorService::restart(wire::ActorSpec actor, const std::vector<RankId>& ranks) {
  const bool killed = restarting_.extract(actor.id).mapped();
  const ActorDirectory::Entry& entry = *directory_.entry(actor.id);
  actor.restarts = entry.restarts;
  const bool moves = entry.rank.number < 0;
  if (moves) {
    for (const RankId rank : ranks) directory_.wait_for(actor.id, rank);
    if (killed) {
      directory_.place_anywhere(actor.id);
    } else if (!directory_.place(actor)) {
      actor.arguments.bytes = actor.arguments.bytes.compact();
      unplaced_.push_back(std::move(actor));
      return;
    }
  } else {
    directory_.name_devices(actor);
  }
  start(actor);
  if (killed) {
    ByteBuffer payload;
    payload.put(actor.id);
    outbox_.send(entry.rank, wire::make_frame(FrameType::kill_actor, std::move(payload)));
  }
}

void ActorService::give_up(ActorId actor, const std::string& reason, const std::vector<RankId>& ranks) {
  restarting_.erase(actor);
  directory_.give_up(actor);
  const ActorDirectory::Entry& entry = *directory_.entry(actor);
  Frame gone = wire::make_frame(FrameType::actor_gone, wire::write(wire::ActorLost{actor, reason}));
  if (recorded_calls_ && entry.durable) gone.header.flags |= wire::flag_durable;
  outbox_.send(entry.rank, std::move(gone));
  for (const RankId rank : ranks) tell_location(rank, actor);
  send_pool_calls(actor);
  leave_pools(actor);
}

/// It takes no further call of a pool that has others left.
void ActorService::leave_pools(ActorId actor) {
  for (ActorPools::Assignment& assignment : pools_.give_up(actor)) send(std::move(assignment));
}

std::vector<std::pair<ActorId, std::string>> ActorService::take_impossible() {
  std::vector<std::pair<ActorId, std::string>> impossible;
  std::erase_if(unplaced_, [&](const wire::ActorSpec& actor) {
    const std::string why = directory_.refusal(actor);
    if (why.empty()) return false;
    impossible.emplace_back(actor.id, "starting the actor (" + actor.class_name + ") on a rank that is left: " + why);
    return true;
  });
  return impossible;
}

/// First come, first served, but one that wants little does not wait for one that wants much.
void ActorService::start_unplaced() {
  std::erase_if(unplaced_, [&](wire::ActorSpec& actor) {
    if (!directory_.place(actor)) return false;
    start(actor);
    return true;
  });
}

void ActorService::on_find(RankId from, const Frame& frame, std::int64_t now) {
  ByteReader reader{frame.payload};
  std::string name{reader.get_text()};
  reader.get_text();
  const auto timeout = reader.get<std::int64_t>();
  if (timeout <= 0 || directory_.has(name)) return answer(from, frame);
  Frame request = frame;
  request.payload = request.payload.compact();
  finders_.push_back({from, std::move(request), std::move(name), now + timeout});
}

void ActorService::answer(RankId from, const Frame& find) {
  ByteReader reader{find.payload};
  const std::string name{reader.get_text()};
  const std::string class_name{reader.get_text()};
  const double waited = static_cast<double>(reader.get<std::int64_t>()) * 1e-9;
  wire::Reply reply;
  try {
    ByteBuffer found;
    const ActorId id = directory_.find(name, class_name, waited);
    found.put(id);
    found.put(directory_.entry(id)->max_pending_calls);
    found.put(static_cast<std::uint8_t>(directory_.entry(id)->durable));
    reply.bytes = Bytes{std::move(found)};
  } catch (const UsageError& error) {
    reply.error = error.what();
  }
  send_reply(outbox_, from, find, reply);
}

void ActorService::forget(RankId rank) {
  std::erase_if(finders_, [&](const Finder& finder) { return finder.from == rank; });
}

void ActorService::forget(RankId rank, LaneId lane) {
  std::erase_if(finders_,
                [&](const Finder& finder) { return finder.from == rank && finder.request.header.lane == lane; });
}

void ActorService::end_late(std::int64_t now) {
  std::erase_if(finders_, [&](const Finder& finder) {
    if (finder.deadline > now) return false;
    answer(finder.from, finder.request);
    return true;
  });
}

void ActorService::describe(Waits& waits) const {
  for (const Finder& finder : finders_) waits.finders.push_back({finder.from, finder.request.header.lane, finder.name});
  for (const wire::ActorSpec& actor : unplaced_) waits.unplaced.emplace_back(actor.id, actor.class_name);
  pools_.describe(waits);
}

void ActorService::on_locate(RankId from, const Frame& frame) {
  const ActorId id = wire::read_location(frame.payload).actor;
  const auto* actor = directory_.entry(id);
  if (actor == nullptr || actor->rank.number < 0) return directory_.wait_for(id, from);
  tell_location(from, id);
}

void ActorService::on_kill(const Frame& frame) {
  const auto id = ByteReader{frame.payload}.get<ActorId>();
  const auto* actor = directory_.entry(id);
  if (actor == nullptr) throw Error{"killing an actor: actor " + std::to_string(id.number) + " has not been created"};
  leave_pools(id);
  if (const auto restarting = restarting_.find(id); restarting != restarting_.end()) {
    if (!std::exchange(restarting->second, true)) directory_.remove(id);
    return start_unplaced();
  }
  if (actor->rank.number < 0) {
    // It is started all the same, so that its host answers for it and its calls.
    const auto spec =
        std::find_if(unplaced_.begin(), unplaced_.end(), [&](const wire::ActorSpec& other) { return other.id == id; });
    directory_.place_anywhere(id);
    start(*spec);
    unplaced_.erase(spec);
  }
  directory_.remove(id);
  Frame kill = frame;
  kill.header.lane = {};
  outbox_.send(actor->rank, std::move(kill));
  start_unplaced();
}

void ActorService::on_outcome(const wire::Outcome& outcome) {
  directory_.count_call(outcome);
  if (outcome.work == wire::Outcome::Work::call) {
    pool_calls_.erase(outcome.id);
    return send(pools_.on_ended(outcome.id));
  }
  if (outcome.failed && directory_.entry(outcome.actor)->calls == 0)
    failed_constructions_.emplace(outcome.actor, outcome.value);
}

void ActorService::send(std::optional<ActorPools::Assignment> assignment) {
  if (!assignment) return;
  if (directory_.entry(assignment->member) == nullptr)
    throw Error{"calling an actor pool: one of its actors has not been created"};
  Frame frame = wire::make_frame(FrameType::call, wire::write(assignment->call));
  frame.header.attempt = assignment->attempt;
  send(pool_calls_.insert_or_assign(assignment->call.id, PoolCall{std::move(frame), assignment->member}).first->second);
}

/// Unless it is on the rank where the member is now, or that has no rank yet.
void ActorService::send(PoolCall& call) {
  const ActorDirectory::Entry& member = *directory_.entry(call.member);
  if (member.rank.number < 0 || call.sent_to == member.rank) return;
  if (member.gone && call.sent_to.number >= 0) call.frame.header.flags |= wire::flag_sent_again;
  call.sent_to = member.rank;
  outbox_.send(call.sent_to, call.frame);
}

void ActorService::send_pool_calls(ActorId member) {
  for (auto& [id, call] : pool_calls_)
    if (call.member == member) send(call);
}

std::vector<Bytes> ActorService::unheard_failures() const {
  std::vector<Bytes> unheard;
  for (const auto& [actor, failure] : failed_constructions_)
    if (directory_.entry(actor)->calls == 0) unheard.push_back(failure);
  return unheard;
}

void send_reply(wire::Outbox& outbox, RankId to, const Frame& request, const wire::Reply& answer) {
  Frame frame = wire::make_frame(FrameType::reply, wire::write(answer), request.header.lane);
  frame.header.sequence = request.header.sequence;
  outbox.send(to, std::move(frame));
}

}  // namespace crema::head
