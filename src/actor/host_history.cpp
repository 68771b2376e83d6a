// Which calls an actor host has given a place before, and what waits until the head has recorded them.
#include "actor/host.hpp"

namespace crema::actors {

using wire::FrameType;

/// Such a call does not count, and the next attempt has made it again.
bool Host::is_of_lost_attempt(const wire::CallHead& call, std::uint32_t attempt) const {
  if (ended_callers_.empty()) return false;
  const auto ended = ended_callers_.find(call.parent);
  return ended != ended_callers_.end() && attempt < ended->second;
}

/// False: the call has had its place before.
bool Host::take_place(Hosted& hosted, const wire::Frame& frame, const wire::CallHead& call) {
  if (!hosted.durable) return hosted.lane == nullptr || is_first(frame, call);
  if ((frame.header.flags & wire::flag_recorded) != 0) {
    hosted.known.insert(call.key);
    return true;
  }
  if (hosted.known.contains(call.key)) {
    tell_taken(frame, call.id, true);
    return false;
  }
  if (hosted.lane == nullptr) return true;  // it is refused
  if (call.parent != TaskId{}) {            // the driver does not repeat its calls within a start
    hosted.known.insert(call.key);
    known_by_[call.parent].emplace_back(call.actor, call.key);
  }
  tell_taken(frame, call.id, false);
  return true;
}

/// Otherwise an earlier attempt of the task has made the call, and its outcome is what this one gets.
bool Host::is_first(const wire::Frame& frame, const wire::CallHead& call) {
  if ((frame.header.flags & wire::flag_repeatable) == 0) return true;
  const auto [first, is_new] = made_by_[call.parent].try_emplace(call.key, call.id);
  if (is_new) return true;
  ByteBuffer source;
  source.put(first->second);
  source.put(call.key);
  wire::Outcome outcome{.id = call.id,
                        .parent = call.parent,
                        .actor = call.actor,
                        .function = call.method,
                        .work = wire::Outcome::Work::call,
                        .forwards = true,
                        .attempt = frame.header.attempt,
                        .value = Bytes{std::move(source)}};
  outcome.started = outcome.finished = std::chrono::steady_clock::now().time_since_epoch().count();
  wire::Frame frame_of_repeat = wire::make_frame(FrameType::outcome, wire::write(outcome));
  frame_of_repeat.header.flags |= wire::flag_repeatable;
  outbox_.send(head_rank, std::move(frame_of_repeat));
  return false;
}

void Host::tell_taken(const wire::Frame& call, TaskId id, bool again) {
  wire::Frame taken = wire::make_frame(FrameType::taken, wire::write_taken(again, call.payload));
  taken.header.attempt = call.header.attempt;
  outbox_.send(head_rank, std::move(taken));
  ++places_told_;
  if (again) return;
  unrecorded_.emplace_back(places_told_, id);
  unrecorded_calls_.insert(id);
}

void Host::on_recorded(std::uint64_t places) {
  while (!unrecorded_.empty() && unrecorded_.front().first <= places) {
    unrecorded_calls_.erase(unrecorded_.front().second);
    unrecorded_.pop_front();
  }
  std::erase_if(kept_, [&](wire::Frame& frame) {
    if (unrecorded_calls_.contains(wire::read_call_head(frame.payload).parent)) return false;
    free_.push_back(std::move(frame));
    return true;
  });
}

bool Host::hold(const wire::Frame& frame) {
  if (unrecorded_calls_.empty() || !unrecorded_calls_.contains(wire::read_call_head(frame.payload).parent))
    return false;
  kept_.push_back(frame);
  kept_.back().payload = frame.payload.compact();
  return true;
}

void Host::on_forget(const wire::Frame& frame) {
  for (const TaskId caller : wire::read_ids(frame.payload)) {
    if (frame.header.attempt > 0) ended_callers_.insert_or_assign(caller, frame.header.attempt);
    made_by_.erase(caller);
    const auto calls = known_by_.extract(caller);
    if (calls.empty()) continue;
    for (const auto& [actor, key] : calls.mapped())
      if (const auto hosted = actors_.find(actor); hosted != actors_.end()) hosted->second.known.erase(key);
  }
}

/// Before an actor is built anew, whose methods may make these again.
void Host::on_known(const wire::Frame& frame) {
  for (const wire::KnownCall& call : wire::read_known_calls(frame.payload))
    if (const auto hosted = actors_.find(call.actor); hosted != actors_.end()) hosted->second.known.insert(call.key);
  wire::Frame answer = wire::make_frame(FrameType::known_calls);
  answer.header.sequence = frame.header.sequence;
  outbox_.send(head_rank, std::move(answer));
}

}  // namespace crema::actors
