#include "actor/call_router.hpp"

namespace crema::actors {

using wire::FrameType;

void CallRouter::on_call(wire::Frame frame) {
  const ActorId actor = wire::read_call(frame.payload).actor;
  if (const auto known = locations_.find(actor); known != locations_.end()) {
    outbox_.send(known->second, std::move(frame));
    return;
  }
  std::vector<wire::Frame>& held = held_[actor];
  held.push_back(std::move(frame));
  if (held.size() > 1) return;
  outbox_.send(head_rank, wire::make_frame(FrameType::locate_actor, wire::write(wire::ActorLocation{actor, {}})));
}

void CallRouter::on_location(const wire::Frame& frame) {
  const wire::ActorLocation location = wire::read_location(frame.payload);
  locations_[location.actor] = location.rank;
  auto held = held_.extract(location.actor);
  if (held.empty()) return;
  for (wire::Frame& call : held.mapped()) outbox_.send(location.rank, std::move(call));
}

}  // namespace crema::actors
