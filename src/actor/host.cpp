#include "actor/host.hpp"

#include "crema/registry.hpp"

namespace crema::actors {

using wire::FrameType;
using wire::Outcome;

void Host::on_frame(wire::Frame frame) {
  frame.payload = frame.payload.compact();
  if (frame.header.type == FrameType::start_actor) return start(std::move(frame));
  if (frame.header.type == FrameType::kill_actor) return kill(frame);
  const wire::CallSpec call = wire::read_call(frame.payload);
  const auto found = actors_.find(call.actor);
  if (found == actors_.end()) {
    early_calls_[call.actor].push_back(std::move(frame));
  } else if (found->second.lane == nullptr) {
    refuse_call(call, found->second.gone);
  } else {
    give(*found->second.lane, std::move(frame));
  }
}

void Host::kill(const wire::Frame& frame) {
  ByteReader reader{frame.payload};
  const auto found = actors_.find(reader.get<ActorId>());
  if (found == actors_.end() || found->second.lane == nullptr) return;
  lane::Lane& lane = *std::exchange(found->second.lane, nullptr);
  found->second.gone = "somebody has killed the actor; create another one";
  for (const wire::Frame& unstarted : lane.take_back()) {
    if (unstarted.header.type == FrameType::call) {
      refuse_call(wire::read_call(unstarted.payload), found->second.gone);
    } else {
      give(lane, unstarted);  // its construction, which the head counts on
    }
  }
  give(lane, frame);
}

void Host::refuse_call(const wire::CallSpec& call, const std::string& reason) {
  fail(
      {.id = call.id, .parent = call.parent, .actor = call.actor, .function = call.method, .work = Outcome::Work::call},
      FunctionRegistry::at(call.method).name, reason);
}

/// Killed actors, whose lanes have ended.
void Host::remove_ended_lanes() {
  std::erase_if(lanes_, [](const auto& lane) { return lane.second->stopped(); });
}

void Host::start(wire::Frame frame) {
  const wire::ActorSpec actor = wire::read_actor(frame.payload);
  Hosted hosted{.gone = "the actor could not be started on this rank"};
  try {
    remove_ended_lanes();
    if (lanes_.size() >= max_actors) {
      throw Error{"this rank holds " + std::to_string(max_actors) +
                  " actors already, the most it can; keep many small states in one actor"};
    }
    std::unique_ptr<lane::Lane> lane = start_lane_();
    hosted.lane = lane.get();
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
  actors_.emplace(actor.id, std::move(hosted));
  auto early = early_calls_.extract(actor.id);
  if (early.empty()) return;
  for (wire::Frame& call : early.mapped()) on_frame(std::move(call));
}

void Host::give(lane::Lane& lane, wire::Frame frame) {
  lane.give_work(std::move(frame));
  to_wake_.add(lane);
}

void Host::turn() { to_wake_.wake_all(); }

void Host::fail(Outcome outcome, const std::string& name, const std::string& reason) {
  ByteBuffer failure;
  wire::write_failure(failure, {.kind = Failure::Kind::actor,
                                .function = name,
                                .task = outcome.id,
                                .rank = self_.rank,
                                .host = self_.host,
                                .type = "crema::Error",
                                .message = reason});
  outcome.failed = true;
  outcome.value = Bytes{std::move(failure)};
  outcome.started = outcome.finished = std::chrono::steady_clock::now().time_since_epoch().count();
  outbox_.send(head_rank, wire::make_frame(FrameType::outcome, wire::write(outcome)));
}

void Host::on_lane(wire::Frame frame) {
  const wire::OutcomeTimes outcome = wire::read_outcome_times(frame.payload);
  if (outcome.is_call) ++calls_done_;
  busy_nanoseconds_ += outcome.finished - outcome.started;
  outbox_.send(head_rank, std::move(frame));
}

bool Host::on_reply(wire::Frame& frame) {
  const auto found = lanes_.find(frame.header.lane);
  if (found == lanes_.end()) return false;
  found->second->reply(std::move(frame));
  to_wake_.add(*found->second);
  return true;
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
