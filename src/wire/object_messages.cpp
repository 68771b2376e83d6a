// Messages about values that lie in the stores of ranks, and about what is put there.
#include "wire/messages.hpp"
#include "wire/payload.hpp"

namespace crema::wire {

ByteBuffer write(const Located& located) {
  ByteBuffer out;
  out.put(located.wanted);
  put_location(out, located.location);
  return out;
}

Located read_located(const Bytes& payload) {
  PayloadReader in{payload};
  Located located;
  located.wanted = in.get<TaskId>();
  located.location = get_location(in);
  return located;
}

ByteBuffer write(const Moved& moved) {
  ByteBuffer out;
  out.put(moved.lost);
  put_location(out, moved.location);
  return out;
}

Moved read_moved(const Bytes& payload) {
  PayloadReader in{payload};
  Moved moved;
  moved.lost = in.get<RankId>();
  moved.location = get_location(in);
  return moved;
}

ByteBuffer write(const Put& put) {
  ByteBuffer out{48 + put.carried.size() * sizeof(Named<TaskId>) + put.value.size()};
  out.put(put.id);
  out.put(put.key);
  out.put(put.parent);
  out.put(static_cast<std::uint8_t>(put.failed));
  out.put(put.stored);
  if (put.stored > 0) {
    out.put(put.digest);
    out.put(put.blob);
  }
  put_list(out, put.carried);
  out.append(put.value.span());
  return out;
}

Put read_put(const Bytes& payload) {
  PayloadReader in{payload};
  Put put;
  put.id = in.get<TaskId>();
  put.key = in.get<TaskKey>();
  put.parent = in.get<TaskId>();
  put.failed = in.get<std::uint8_t>() != 0;
  put.stored = in.get<std::uint64_t>();
  if (put.stored > 0) {
    put.digest = in.get<Digest>();
    put.blob = in.get<std::uint64_t>();
  }
  put.carried = get_list<Named<TaskId>>(in);
  put.value = rest(in);
  return put;
}

ByteBuffer write_parts(const std::vector<ObjectPart>& parts) {
  ByteBuffer out;
  for (const ObjectPart& part : parts) {
    out.put(part.id);
    out.put(part.part);
  }
  return out;
}

std::vector<ObjectPart> read_parts(const Bytes& payload) {
  std::vector<ObjectPart> parts;
  for (PayloadReader in{payload}; in.remaining() > 0;) {
    const auto id = in.get<TaskId>();
    parts.push_back({id, in.get<std::uint32_t>()});
  }
  return parts;
}

ByteBuffer write(const Pin& pin) {
  ByteBuffer out;
  out.put(pin.work.id);
  out.put(pin.work.key);
  put_list(out, pin.values);
  return out;
}

Pin read_pin(const Bytes& payload) {
  PayloadReader in{payload};
  Pin pin;
  pin.work.id = in.get<TaskId>();
  pin.work.key = in.get<TaskKey>();
  pin.values = get_list<TaskId>(in);
  return pin;
}

}  // namespace crema::wire
