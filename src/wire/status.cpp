#include "wire/status.hpp"

namespace crema::wire {
namespace {

template <class Item, class Put>
void put_list(ByteBuffer& out, const std::vector<Item>& items, Put put) {
  out.put(static_cast<std::uint32_t>(items.size()));
  for (const Item& item : items) put(item);
}

template <class Item, class Get>
void get_list(ByteReader& in, std::vector<Item>& items, Get get) {
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) get(items.emplace_back());
}

void put_calls(ByteBuffer& out, const std::vector<CallStatus>& calls) {
  put_list(out, calls, [&](const CallStatus& call) {
    out.put(call.id);
    out.put(call.function);
  });
}

void get_calls(ByteReader& in, std::vector<CallStatus>& calls) {
  get_list(in, calls, [&](CallStatus& call) {
    call.id = in.get<TaskId>();
    call.function = in.get<FunctionId>();
  });
}

}  // namespace

ByteBuffer write(const Status& status) {
  ByteBuffer out;
  out.put(status.driver);
  out.put(status.queued);
  put_list(out, status.lanes, [&](const LaneStatus& lane) {
    out.put(lane.lane);
    out.put(lane.running);
    out.put(static_cast<std::uint8_t>(lane.waiting));
    out.put(lane.room);
  });
  put_list(out, status.actors, [&](const ActorStatus& actor) {
    out.put(actor.actor);
    out.put(actor.lane);
    out.put(actor.calls);
    out.put(actor.outside);
    put_calls(out, actor.listed);
    put_calls(out, actor.listed_outside);
  });
  put_list(out, status.held, [&](const HeldCall& held) {
    out.put(held.id);
    out.put(held.actor);
    out.put(held.method);
    out.put(static_cast<std::uint8_t>(held.unplaced));
    put_list(out, held.missing, [&](TaskId id) { out.put(id); });
  });
  return out;
}

Status read_status(const Bytes& payload) {
  ByteReader in{payload};
  Status status;
  status.driver = in.get<LaneId>();
  status.queued = in.get<std::uint64_t>();
  get_list(in, status.lanes, [&](LaneStatus& lane) {
    lane.lane = in.get<LaneId>();
    lane.running = in.get<TaskId>();
    lane.waiting = in.get<std::uint8_t>() != 0;
    lane.room = in.get<ActorId>();
  });
  get_list(in, status.actors, [&](ActorStatus& actor) {
    actor.actor = in.get<ActorId>();
    actor.lane = in.get<LaneId>();
    actor.calls = in.get<std::uint64_t>();
    actor.outside = in.get<std::uint64_t>();
    get_calls(in, actor.listed);
    get_calls(in, actor.listed_outside);
  });
  get_list(in, status.held, [&](HeldCall& held) {
    held.id = in.get<TaskId>();
    held.actor = in.get<ActorId>();
    held.method = in.get<FunctionId>();
    held.unplaced = in.get<std::uint8_t>() != 0;
    get_list(in, held.missing, [&](TaskId& id) { id = in.get<TaskId>(); });
  });
  return status;
}

}  // namespace crema::wire
