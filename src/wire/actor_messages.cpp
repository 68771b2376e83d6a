#include <cstring>

#include "wire/messages.hpp"
#include "wire/payload.hpp"

namespace crema::wire {

namespace {

void put_call(ByteBuffer& out, const CallSpec& call) {
  out.put(call.id);
  out.put(call.key);
  out.put(call.parent);
  out.put(call.actor);
  out.put(call.method);
  out.put(call.depth);
  put_arguments(out, call.arguments);
}

CallSpec get_call(PayloadReader& in) {
  CallSpec call;
  call.id = in.get<TaskId>();
  call.key = in.get<TaskKey>();
  call.parent = in.get<TaskId>();
  call.actor = in.get<ActorId>();
  call.method = in.get<FunctionId>();
  call.depth = in.get<std::uint32_t>();
  call.arguments = get_arguments(in);
  return call;
}

}  // namespace

ByteBuffer write(const CallSpec& call) {
  ByteBuffer out{48 + size_of(call.arguments)};
  put_call(out, call);
  return out;
}

CallSpec read_call(const Bytes& payload) {
  PayloadReader in{payload};
  return get_call(in);
}

CallHead read_call_head(const Bytes& payload) {
  PayloadReader in{payload};
  CallHead call;
  call.id = in.get<TaskId>();
  call.key = in.get<TaskKey>();
  call.parent = in.get<TaskId>();
  call.actor = in.get<ActorId>();
  call.method = in.get<FunctionId>();
  in.take(sizeof(std::uint32_t));
  const auto inputs = in.get<std::uint32_t>();
  in.take(inputs * sizeof(Input));
  call.has_inputs = inputs > 0;
  call.has_carried = in.get<std::uint32_t>() > 0;
  return call;
}

ByteBuffer write_taken(bool again, const Bytes& call) {
  ByteBuffer out{1 + call.size()};
  out.put(static_cast<std::uint8_t>(again));
  out.append(call.span());
  return out;
}

Taken read_taken(const Bytes& payload) {
  PayloadReader in{payload};
  Taken taken;
  taken.again = in.get<std::uint8_t>() != 0;
  taken.call = get_call(in);
  return taken;
}

ByteBuffer write(const ActorSpec& actor) {
  ByteBuffer out{85 + actor.name.size() + actor.class_name.size() + size_of(actor.arguments)};
  out.put(actor.id);
  out.put(actor.key);
  out.put(actor.parent);
  out.put(actor.constructor);
  out.put_text(actor.name);
  out.put_text(actor.class_name);
  out.put(actor.max_pending_calls);
  out.put(static_cast<std::uint8_t>(actor.durable));
  out.put_text(actor.blobs);
  out.put(actor.restarts);
  put_occupation(out, actor.occupation);
  out.put(static_cast<std::uint8_t>(actor.state.has_value()));
  if (actor.state) out.put_sized(actor.state->span());
  put_arguments(out, actor.arguments);
  return out;
}

ActorSpec read_actor(const Bytes& payload) {
  PayloadReader in{payload};
  ActorSpec actor;
  actor.id = in.get<ActorId>();
  actor.key = in.get<TaskKey>();
  actor.parent = in.get<TaskId>();
  actor.constructor = in.get<FunctionId>();
  actor.name = text(in);
  actor.class_name = text(in);
  actor.max_pending_calls = in.get<std::uint64_t>();
  actor.durable = in.get<std::uint8_t>() != 0;
  actor.blobs = text(in);
  actor.restarts = in.get<std::uint32_t>();
  actor.occupation = get_occupation(in);
  if (in.get<std::uint8_t>() != 0) actor.state = in.get_sized();
  actor.arguments = get_arguments(in);
  return actor;
}

ByteBuffer write(const Snapshot& snapshot) {
  ByteBuffer out{2 * sizeof(std::uint64_t) + snapshot.state.size()};
  out.put(snapshot.actor);
  out.put(snapshot.place);
  out.append(snapshot.state.span());
  return out;
}

Snapshot read_snapshot(const Bytes& payload) {
  PayloadReader in{payload};
  Snapshot snapshot;
  snapshot.actor = in.get<ActorId>();
  snapshot.place = in.get<std::uint64_t>();
  snapshot.state = rest(in);
  return snapshot;
}

ByteBuffer write(const Accepted& accepted) {
  ByteBuffer out;
  out.put(accepted.actor);
  out.put(accepted.calls);
  return out;
}

Accepted read_accepted(const Bytes& payload) {
  ByteReader in{payload};
  Accepted accepted;
  accepted.actor = in.get<ActorId>();
  accepted.calls = in.get<std::uint32_t>();
  return accepted;
}

ByteBuffer write(const Pool& pool) {
  ByteBuffer out;
  out.put(pool.id);
  put_list(out, pool.members);
  return out;
}

Pool read_pool(const Bytes& payload) {
  PayloadReader in{payload};
  Pool pool;
  pool.id = in.get<ActorId>();
  pool.members = get_list<ActorId>(in);
  return pool;
}

ByteBuffer write(const ActorLost& lost) {
  ByteBuffer out;
  out.put(lost.actor);
  out.put_text(lost.reason);
  return out;
}

ActorLost read_actor_lost(const Bytes& payload) {
  PayloadReader in{payload};
  ActorLost lost;
  lost.actor = in.get<ActorId>();
  lost.reason = text(in);
  return lost;
}

ByteBuffer write_known_calls(std::span<const KnownCall> calls) {
  ByteBuffer out{calls.size_bytes()};
  out.append(std::as_bytes(calls));
  return out;
}

std::vector<KnownCall> read_known_calls(const Bytes& payload) {
  std::vector<KnownCall> calls(payload.size() / sizeof(KnownCall));
  if (!calls.empty()) std::memcpy(static_cast<void*>(calls.data()), payload.data(), calls.size() * sizeof(KnownCall));
  return calls;
}

ByteBuffer write(const ActorLocation& location) {
  ByteBuffer out;
  out.put(location.actor);
  out.put(location.rank);
  return out;
}

ActorLocation read_location(const Bytes& payload) {
  PayloadReader in{payload};
  ActorLocation location;
  location.actor = in.get<ActorId>();
  location.rank = in.get<RankId>();
  return location;
}
}  // namespace crema::wire
