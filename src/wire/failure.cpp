#include "wire/messages.hpp"
#include "wire/payload.hpp"

namespace crema::wire {

void write_failure(ByteBuffer& out, const Failure& failure) {
  out.put(failure.kind);
  out.put_text(failure.function);
  out.put(failure.task);
  out.put(failure.attempt);
  out.put(failure.rank);
  out.put_text(failure.host);
  out.put_text(failure.type);
  out.put_text(failure.message);
  out.put_text(failure.place.file);
  out.put(failure.place.line);
  out.put_text(failure.place.column);
  out.put_text(failure.place.expected);
  out.put_text(failure.place.found);
}

Failure read_failure(ByteReader& in) {
  Failure failure;
  failure.kind = in.get<Failure::Kind>();
  failure.function = text(in);
  failure.task = in.get<TaskId>();
  failure.attempt = in.get<std::uint32_t>();
  failure.rank = in.get<RankId>();
  failure.host = text(in);
  failure.type = text(in);
  failure.message = text(in);
  failure.place.file = text(in);
  failure.place.line = in.get<std::uint64_t>();
  failure.place.column = text(in);
  failure.place.expected = text(in);
  failure.place.found = text(in);
  return failure;
}

}  // namespace crema::wire
