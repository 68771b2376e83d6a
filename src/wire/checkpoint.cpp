#include "wire/messages.hpp"
#include "wire/payload.hpp"

namespace crema::wire {

ByteBuffer write(const KeptState& kept) {
  ByteBuffer out{16 + kept.progress.size() + kept.state.size()};
  out.put_sized(kept.progress.span());
  out.append(kept.state.span());
  return out;
}

KeptState read_kept_state(const Bytes& payload) {
  PayloadReader in{payload};
  KeptState kept;
  kept.progress = in.get_sized();
  kept.state = rest(in);
  return kept;
}

ByteBuffer write(const Checkpoint& checkpoint) {
  ByteBuffer out;
  out.put(checkpoint.task);
  out.put(checkpoint.key);
  put_list(out, checkpoint.calls);
  out.append(write(checkpoint.kept).span());
  return out;
}

Checkpoint read_checkpoint(const Bytes& payload) {
  PayloadReader in{payload};
  Checkpoint checkpoint;
  checkpoint.task = in.get<TaskId>();
  checkpoint.key = in.get<TaskKey>();
  checkpoint.calls = get_list<TaskKey>(in);
  checkpoint.kept = read_kept_state(rest(in));
  return checkpoint;
}

}  // namespace crema::wire
