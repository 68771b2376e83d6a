#include "actor/call_router.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>

#include "common/lane_ids.hpp"
#include "wire/fill_in.hpp"

namespace crema::actors {
using wire::FrameType;

void CallRouter::on_call(wire::Frame frame) {
  const wire::CallHead head = wire::read_call_head(frame.payload);
  const Caller caller{frame.header.lane, head.actor};
  const bool is_first = held_.empty() || !held_.contains(caller);
  if (!head.has_inputs && !head.has_carried && is_first) return forward(head, std::move(frame));
  const wire::CallSpec call = wire::read_call(frame.payload);
  const bool ask = may_be_unheard(call.arguments.carried);
  if (!head.has_inputs && !ask && is_first) return forward(head, std::move(frame));
  frame.payload = frame.payload.compact();
  Held held{std::move(frame)};
  std::set<TaskId> needed;
  for (const Input& input : call.arguments.inputs) needed.insert(input.id);
  held.missing = needed.size();
  if (ask) {
    questions_.push_back({caller, call.arguments.carried});
    held.question = answered_ + questions_.size();
    outbox_.send(head_rank, wire::make_frame(FrameType::heard));
  }
  held_[caller].push_back(std::move(held));
  if (needed.empty()) return;
  std::vector<TaskId> ids;
  for (const TaskId id : needed) {
    auto& callers = awaited_[id];
    if (callers.empty()) ids.push_back(id);
    callers.push_back(caller);
  }
  // Lane 0 is the router itself.
  if (!ids.empty()) outbox_.send(head_rank, wire::make_frame(FrameType::get, wire::write_ids(ids)));
}

/// Ids of a lane grow, and what its rank sends to the head arrives in order.
bool CallRouter::may_be_unheard(const std::vector<Named<TaskId>>& named) const {
  if (me_ == head_rank) return false;
  return std::any_of(named.begin(), named.end(), [this](const Named<TaskId>& work) {
    if (rank_of(work.id) != me_) return false;
    const auto heard = heard_.find(maker_of(work.id));
    return heard == heard_.end() || heard->second < work.id;
  });
}

void CallRouter::on_heard() {
  const Question question = std::move(questions_.front());
  questions_.pop_front();
  ++answered_;
  for (const Named<TaskId>& work : question.named) {
    if (rank_of(work.id) != me_) continue;
    TaskId& newest = heard_[maker_of(work.id)];
    newest = std::max(newest, work.id);
  }
  if (held_.contains(question.caller)) send_complete(question.caller);
}

void CallRouter::on_value(const wire::Frame& frame) {
  const wire::Value value =
      frame.header.type == FrameType::value
          ? wire::read_value(frame.payload)
          : wire::Value{TaskId{frame.header.sequence}, (frame.header.flags & wire::flag_failed) != 0, frame.payload};
  const auto node = awaited_.extract(value.id);
  if (node.empty()) return;
  for (const Caller& caller : std::set<Caller>{node.mapped().begin(), node.mapped().end()}) {
    const auto queue = held_.find(caller);
    if (queue == held_.end()) continue;
    for (Held& held : queue->second) {
      if (held.missing == 0 || held.values.contains(value.id)) continue;
      const wire::CallSpec call = wire::read_call(held.frame.payload);
      const auto& inputs = call.arguments.inputs;
      if (std::none_of(inputs.begin(), inputs.end(), [&](const Input& input) { return input.id == value.id; }))
        continue;
      if (value.failed) {
        fail(held.frame.header, call, value.bytes);
        held.frame.payload = {};
        held.missing = 0;
        continue;
      }
      held.values.emplace(value.id, value.bytes);
      if (--held.missing > 0) continue;
      wire::CallSpec filled = call;
      filled.arguments = wire::fill_in(call.arguments, [&](TaskId id) { return held.values.at(id); });
      held.values.clear();
      held.frame.payload = Bytes{wire::write(filled)};
      held.frame.header.payload_size = held.frame.payload.size();
    }
    send_complete(caller);
  }
}

void CallRouter::send_complete(const Caller& caller) {
  const auto queue = held_.find(caller);
  while (!queue->second.empty() && is_complete(queue->second.front())) {
    // One that has failed is empty: its outcome is told already.
    if (wire::Frame& frame = queue->second.front().frame; !frame.payload.empty()) {
      const wire::CallHead call = wire::read_call_head(frame.payload);
      forward(call, std::move(frame));
    }
    queue->second.pop_front();
  }
  if (queue->second.empty()) held_.erase(queue);
}

void CallRouter::fail(const wire::FrameHeader& header, const wire::CallSpec& call, const Bytes& failure) {
  wire::Outcome outcome{.id = call.id,
                        .parent = call.parent,
                        .actor = call.actor,
                        .function = call.method,
                        .work = wire::Outcome::Work::call,
                        .failed = true,
                        .attempt = header.attempt,
                        .value = failure};
  outcome.started = outcome.finished = std::chrono::steady_clock::now().time_since_epoch().count();
  outbox_.send(head_rank, wire::make_frame(FrameType::outcome, wire::write(outcome)));
  if ((header.flags & wire::flag_bounded) == 0) return;
  outbox_.send(me_, wire::make_frame(FrameType::accepted, wire::write(wire::Accepted{call.actor, 1}), header.lane));
}

std::vector<wire::HeldCall> CallRouter::held() const {
  std::vector<wire::HeldCall> all;
  for (const auto& [caller, queue] : held_) {
    for (const Held& held : queue) {
      if (all.size() == wire::max_listed) return all;
      if (held.frame.payload.empty()) continue;
      const wire::CallSpec call = wire::read_call(held.frame.payload);
      wire::HeldCall& listed = all.emplace_back(wire::HeldCall{call.id, call.actor, call.method, false, {}});
      for (const Input& input : call.arguments.inputs)
        if (held.missing > 0 && !held.values.contains(input.id)) listed.missing.push_back(input.id);
    }
  }
  for (const auto& [actor, calls] : unlocated_) {
    for (const wire::Frame& frame : calls) {
      if (all.size() == wire::max_listed) return all;
      const wire::CallSpec call = wire::read_call(frame.payload);
      all.push_back({call.id, actor, call.method, true, {}});
    }
  }
  return all;
}

void CallRouter::forward(const wire::CallHead& call, wire::Frame frame) {
  const ActorId actor = call.actor;
  const bool recorded = keeps_calls_ && (frame.header.flags & wire::flag_durable) != 0;
  sent_[actor].push_back({frame.header, call, recorded ? frame.payload : Bytes{}});
  if ((frame.header.flags & wire::flag_bounded) != 0) bounded_by_[actor].insert(frame.header.lane);
  if (const auto known = locations_.find(actor); known != locations_.end()) {
    outbox_.send(known->second, std::move(frame));
    return;
  }
  std::vector<wire::Frame>& unlocated = unlocated_[actor];
  unlocated.push_back(std::move(frame));
  if (unlocated.size() > 1) return;
  outbox_.send(head_rank, wire::make_frame(FrameType::locate_actor, wire::write(wire::ActorLocation{actor, {}})));
}

void CallRouter::on_location(const wire::Frame& frame) {
  const wire::ActorLocation location = wire::read_location(frame.payload);
  const auto known = locations_.find(location.actor);
  const bool moved = known != locations_.end() && known->second != location.rank;
  locations_[location.actor] = location.rank;
  if (moved) {
    let_wait_no_more(location.actor);
    if (const auto sent = sent_.find(location.actor); sent != sent_.end())
      for (const Sent& call : sent->second) send_again(call, location.rank);
  }
  auto unlocated = unlocated_.extract(location.actor);
  if (unlocated.empty()) return;
  for (wire::Frame& call : unlocated.mapped()) outbox_.send(location.rank, std::move(call));
}

void CallRouter::send_again(const Sent& sent, RankId to) {
  if (!sent.payload.empty()) return outbox_.send(to, {sent.header, sent.payload});
  const wire::CallHead& call = sent.call;
  wire::Frame frame = wire::make_frame(
      FrameType::call, wire::write(wire::CallSpec{call.id, call.key, call.parent, call.actor, call.method}),
      sent.header.lane);
  frame.header.flags = static_cast<std::uint16_t>(sent.header.flags | wire::flag_sent_again);
  frame.header.attempt = sent.header.attempt;
  outbox_.send(to, std::move(frame));
}

/// The rank that was to tell what it has accepted is lost.
void CallRouter::let_wait_no_more(ActorId actor) {
  const auto lanes = bounded_by_.extract(actor);
  if (lanes.empty()) return;
  const wire::Accepted all{actor, std::numeric_limits<std::uint32_t>::max()};
  for (const LaneId lane : lanes.mapped())
    outbox_.send(me_, wire::make_frame(FrameType::accepted, wire::write(all), lane));
}

void CallRouter::on_placed(const wire::Frame& frame) {
  const std::vector<TaskId> words = wire::read_ids(frame.payload);
  const auto sent = sent_.find(ActorId{words.at(0).number});
  if (sent == sent_.end()) return;
  // About in the order in which they were sent.
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto call = std::find_if(sent->second.begin(), sent->second.end(),
                                   [&](const Sent& other) { return other.call.id == words[i]; });
    if (call != sent->second.end()) sent->second.erase(call);
  }
  if (sent->second.empty()) sent_.erase(sent);
}

}  // namespace crema::actors
