#include "actor/host.hpp"

#include <algorithm>
#include <utility>

#include "crema/registry.hpp"
#include "lane/lane_status.hpp"

namespace crema::actors {

using wire::FrameType;
using wire::Outcome;

namespace {

ActorId actor_of(const wire::Frame& work) {
  if (work.header.type == FrameType::call) return wire::read_call(work.payload).actor;
  if (work.header.type == FrameType::start_actor) return wire::read_actor(work.payload).id;
  return ByteReader{work.payload}.get<ActorId>();
}

}  // namespace

void Host::on_frame(RankId from, wire::Frame frame) {
  if (frame.header.type != FrameType::call) frame.payload = frame.payload.compact();
  if (frame.header.type == FrameType::start_actor) return start(std::move(frame));
  if (frame.header.type == FrameType::actor_gone) return answer_for_gone(frame);
  if (frame.header.type == FrameType::kill_actor) return kill(frame);
  if (frame.header.type == FrameType::recorded) return on_recorded(frame.header.acknowledged);
  if (frame.header.type == FrameType::forget_calls) return on_forget(frame);
  if (frame.header.type == FrameType::known_calls) return on_known(frame);
  const wire::CallHead call = wire::read_call_head(frame.payload);
  const bool recorded = (frame.header.flags & wire::flag_recorded) != 0;
  // The head gives a pool's call to a member once, whichever attempt has made it.
  const bool of_pool = frame.header.lane == LaneId{};
  if (!recorded && !of_pool && is_of_lost_attempt(call, frame.header.attempt)) return;
  const Caller caller{from, frame.header.lane};
  const auto found = actors_.find(call.actor);
  if (found == actors_.end() || (found->second.recorded_to_come > 0 && !recorded)) {
    frame.payload = frame.payload.compact();
    early_calls_[call.actor].emplace_back(from, std::move(frame));
  } else if (recorded && (frame.header.flags & wire::flag_ended_lane) != 0) {
    found->second.known.insert(call.key);
    ++found->second.places;
  } else if (!take_place(found->second, frame, call)) {
    accept(frame, caller, call.actor);
  } else if (found->second.lane == nullptr) {
    accept(frame, caller, call.actor);
    refuse_call(call, frame.header, found->second.gone);
  } else {
    if (found->second.durable) frame.header.acknowledged = ++found->second.places;
    frame.payload = found->second.calls.compact(frame.payload);
    take_call(found->second, caller, std::move(frame), call);
  }
  if (recorded && --found->second.recorded_to_come == 0) take_early(call.actor);
}

void Host::take_call(Hosted& hosted, Caller caller, wire::Frame frame, const wire::CallHead& call) {
  const wire::CallStatus status{call.id, call.method};
  if (hosted.bound > 0) {
    hosted.outside.push_back({caller, std::move(frame), status});
    return let_in(hosted);
  }
  hosted.given.push_back(status);
  give(*hosted.lane, std::move(frame));
}

void Host::let_in(Hosted& hosted) {
  while (!hosted.outside.empty() && hosted.given.size() < hosted.bound) {
    Outside& next = hosted.outside.front();
    accept(next.frame, next.caller, wire::read_call_head(next.frame.payload).actor);
    hosted.given.push_back(next.call);
    give(*hosted.lane, std::move(next.frame));
    hosted.outside.pop_front();
  }
}

void Host::accept(const wire::Frame& frame, Caller caller, ActorId actor) {
  if ((frame.header.flags & wire::flag_bounded) != 0) ++accepted_[{caller, actor}];
}

void Host::kill(const wire::Frame& frame) {
  ByteReader reader{frame.payload};
  const auto found = actors_.find(reader.get<ActorId>());
  if (found == actors_.end() || found->second.lane == nullptr) return;
  lane::Lane& lane = *std::exchange(found->second.lane, nullptr);
  found->second.gone = "somebody has killed the actor; create another one";
  for (const wire::Frame& unstarted : lane.take_back()) {
    if (unstarted.header.type == FrameType::call) {
      refuse_call(wire::read_call_head(unstarted.payload), unstarted.header, found->second.gone);
      found->second.given.pop_back();
    } else {
      give(lane, unstarted);  // its construction, which the head counts on
    }
  }
  refuse_outside(found->second);
  give(lane, frame);
}

void Host::refuse_outside(Hosted& hosted) {
  for (const Outside& outside : std::exchange(hosted.outside, {})) {
    const wire::CallHead call = wire::read_call_head(outside.frame.payload);
    accept(outside.frame, outside.caller, call.actor);
    refuse_call(call, outside.frame.header, hosted.gone);
  }
}

ActorId Host::actor_with(const lane::Lane& lane) const {
  const auto found =
      std::find_if(actors_.begin(), actors_.end(), [&](const auto& actor) { return actor.second.lane == &lane; });
  return found == actors_.end() ? ActorId{} : found->first;
}

void Host::on_lane_lost(const lane::Loss& loss) {
  const auto lost = lanes_.find(loss.lane);
  if (lost == lanes_.end()) return;
  lane::Lane& lane = *lost->second;
  const std::vector<wire::Frame> works = lane.take_back();
  const std::optional<wire::Frame> unfinished = lane.take_unfinished();
  const ActorId actor = actor_with(lane);
  bool anew = false;
  if (const auto hosted = actors_.find(actor); hosted != actors_.end()) {
    const bool in_constructor = unfinished && unfinished->header.type == FrameType::start_actor;
    anew = hosted->second.durable && hosted->second.restarts > 0 && !in_constructor;
    hosted->second.lane = nullptr;
    hosted->second.gone = "the actor was lost in an earlier call, " + loss.reason + "; create another one";
    if (!anew) refuse_outside(hosted->second);
  }
  if (unfinished) {
    std::string reason = loss.reason;
    if (!loss.last_errors.empty()) reason += "; it last wrote to stderr:\n" + loss.last_errors;
    fail_work(*unfinished, loss.type, reason, wire::flag_ended_lane);
  }
  ByteBuffer told;
  if (anew) {
    // All others have their places in the history, from where they come again.
    for (const Outside& outside : actors_.at(actor).outside) accept(outside.frame, outside.caller, actor);
    actors_.erase(actor);
    told = wire::write(wire::ActorLost{actor, loss.reason});
  } else {
    for (const wire::Frame& work : works) fail_work(work, "crema::Error", actors_.at(actor_of(work)).gone);
  }
  to_wake_.remove(*lost->second);
  lanes_.erase(lost);
  outbox_.send(head_rank, wire::make_frame(FrameType::lane_lost, std::move(told), loss.lane));
}

void Host::fail_work(const wire::Frame& work, const std::string& type, const std::string& reason, std::uint16_t flags) {
  TaskId id;
  if (work.header.type == FrameType::call) {
    const wire::CallSpec call = wire::read_call(work.payload);
    id = call.id;
    fail({.id = id,
          .parent = call.parent,
          .actor = call.actor,
          .function = call.method,
          .work = Outcome::Work::call,
          .attempt = work.header.attempt},
         FunctionRegistry::at(call.method).name, reason, type, flags);
  } else if (work.header.type == FrameType::start_actor) {
    const wire::ActorSpec actor = wire::read_actor(work.payload);
    id = TaskId{actor.id.number};
    fail({.id = id,
          .parent = actor.parent,
          .actor = actor.id,
          .function = actor.constructor,
          .work = Outcome::Work::construction},
         actor.class_name, reason, type, flags);
  } else {
    return;  // kill_actor, which is done
  }
  std::erase_if(actors_.at(actor_of(work)).given, [&](const wire::CallStatus& call) { return call.id == id; });
}

void Host::refuse_call(const wire::CallHead& call, const wire::FrameHeader& header, const std::string& reason) {
  fail({.id = call.id,
        .parent = call.parent,
        .actor = call.actor,
        .function = call.method,
        .work = Outcome::Work::call,
        .attempt = header.attempt},
       FunctionRegistry::at(call.method).name, reason, "crema::Error", header.flags & wire::flag_sent_again);
}

/// Killed actors, whose lanes have ended.
void Host::remove_ended_lanes() {
  std::erase_if(lanes_, [](const auto& lane) { return lane.second->stopped(); });
}

void Host::start(wire::Frame frame) {
  const wire::ActorSpec actor = wire::read_actor(frame.payload);
  Hosted hosted{.gone = "the actor could not be started on this rank",
                .bound = actor.max_pending_calls,
                .durable = (frame.header.flags & wire::flag_durable) != 0,
                .restarts = actor.restarts,
                .recorded_to_come = frame.header.sequence};
  try {
    remove_ended_lanes();
    if (lanes_.size() >= max_actors) {
      throw Error{"this rank holds " + std::to_string(max_actors) +
                  " actors already, the most it can; keep many small states in one actor"};
    }
    std::unique_ptr<lane::Lane> lane = start_lane_();
    hosted.lane = lane.get();
    hosted.given.push_back({TaskId{actor.id.number}, actor.constructor});
    give(*lane, std::move(frame));
    lanes_.emplace(hosted.lane->id(), std::move(lane));
  } catch (const Error& error) {
    fail({.id = TaskId{actor.id.number},
          .parent = actor.parent,
          .actor = actor.id,
          .function = actor.constructor,
          .work = Outcome::Work::construction},
         actor.class_name, error.what());
  }
  Hosted& placed = actors_.insert_or_assign(actor.id, std::move(hosted)).first->second;
  if (placed.recorded_to_come == 0) take_early(actor.id);
}

/// Of a rank that is lost: nobody can build it anew.
void Host::answer_for_gone(const wire::Frame& frame) {
  wire::ActorLost lost = wire::read_actor_lost(frame.payload);
  const bool durable = (frame.header.flags & wire::flag_durable) != 0;
  actors_.insert_or_assign(lost.actor, Hosted{.gone = std::move(lost.reason), .durable = durable});
  take_early(lost.actor);
}

void Host::take_early(ActorId actor) {
  auto early = early_calls_.extract(actor);
  if (early.empty()) return;
  for (auto& [from, call] : early.mapped()) on_frame(from, std::move(call));
}

void Host::give(lane::Lane& lane, wire::Frame frame) {
  lane.give_work(std::move(frame));
  to_wake_.add(lane);
}

void Host::turn() {
  to_wake_.wake_all();
  for (const auto& [to, calls] : accepted_) {
    const auto& [caller, actor] = to;
    outbox_.send(caller.rank,
                 wire::make_frame(FrameType::accepted, wire::write(wire::Accepted{actor, calls}), caller.lane));
  }
  accepted_.clear();
}

void Host::fail(Outcome outcome, const std::string& name, const std::string& reason, const std::string& type,
                std::uint16_t flags) {
  ByteBuffer failure;
  wire::write_failure(failure, {.kind = Failure::Kind::actor,
                                .function = name,
                                .task = outcome.id,
                                .rank = self_.rank,
                                .host = self_.host,
                                .type = type,
                                .message = reason});
  outcome.failed = true;
  outcome.value = Bytes{std::move(failure)};
  outcome.started = outcome.finished = std::chrono::steady_clock::now().time_since_epoch().count();
  wire::Frame frame = wire::make_frame(FrameType::outcome, wire::write(outcome));
  frame.header.flags = flags;
  outbox_.send(head_rank, std::move(frame));
}

void Host::on_lane(wire::Frame frame) {
  const wire::OutcomeTimes outcome = wire::read_outcome_times(frame.payload);
  if (outcome.is_call) ++calls_done_;
  busy_nanoseconds_ += outcome.finished - outcome.started;
  // Nearly always the first: an outcome whose large value is being stored comes behind later ones.
  const auto found = actors_.find(outcome.actor);
  if (found == actors_.end()) return;  // of an actor that is built anew, where the call is applied again
  Hosted& hosted = found->second;
  const auto ended = std::find_if(hosted.given.begin(), hosted.given.end(),
                                  [&](const wire::CallStatus& call) { return call.id == outcome.id; });
  if (ended != hosted.given.end()) hosted.given.erase(ended);
  let_in(hosted);
  outbox_.send(head_rank, std::move(frame));
}

bool Host::on_reply(wire::Frame& frame) {
  const auto found = lanes_.find(frame.header.lane);
  if (found == lanes_.end()) return false;
  found->second->reply(std::move(frame));
  to_wake_.add(*found->second);
  return true;
}

void Host::describe(wire::Status& status) const {
  for (const auto& [id, lane] : lanes_) status.lanes.push_back(lane::status_of(*lane));
  for (const auto& [id, hosted] : actors_) {
    if (hosted.given.empty() && hosted.outside.empty()) continue;
    wire::ActorStatus& actor = status.actors.emplace_back(wire::ActorStatus{.actor = id});
    if (hosted.lane != nullptr) actor.lane = hosted.lane->id();
    actor.calls = hosted.given.size();
    actor.outside = hosted.outside.size();
    const std::size_t listed = std::min(hosted.given.size(), wire::max_listed);
    actor.listed.assign(hosted.given.begin(), hosted.given.begin() + static_cast<std::ptrdiff_t>(listed));
    for (const Outside& call : hosted.outside) {
      if (actor.listed_outside.size() == wire::max_listed) break;
      actor.listed_outside.push_back(call.call);
    }
  }
}

void Host::tell_stopping() {
  for (auto& [id, lane] : lanes_) lane->tell_stopping();
}

bool Host::busy() const {
  return std::any_of(actors_.begin(), actors_.end(), [](const auto& actor) {
    const Hosted& hosted = actor.second;
    return hosted.lane != nullptr && !hosted.given.empty() && !hosted.lane->waiting();
  });
}

void Host::stop() {
  for (auto& [id, lane] : lanes_) lane->stop();
}

bool Host::stopped() const {
  for (const auto& [id, lane] : lanes_)
    if (!lane->stopped()) return false;
  return true;
}

}  // namespace crema::actors
