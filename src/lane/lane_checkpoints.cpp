// What a task keeps of itself, for an attempt that follows.
#include <utility>

#include "crema/errors.hpp"
#include "lane/lane_session.hpp"

namespace crema::lane {

using wire::FrameType;

void LaneSession::check_is_task(const char* what) const {
  if (running_.depth == 0 || actor_ != ActorId{}) {
    throw UsageError{std::string{what} +
                     " outside of a task: the driver runs again from its beginning, and an actor from its calls; keep "
                     "what is long in a task"};
  }
}

void LaneSession::checkpoint(Bytes state) {
  check_is_task("keeping a checkpoint");
  ByteBuffer progress;
  keys_.write(progress);
  progress.put(random_ ? random_->position() : 0);
  progress.put(waits_made_);
  wire::Frame frame =
      wire::make_frame(FrameType::checkpoint,
                       wire::write(wire::Checkpoint{.task = running_.id,
                                                    .key = running_.key,
                                                    .calls = std::exchange(calls_to_keep_, {}),
                                                    .kept = {Bytes{std::move(progress)}, std::move(state)}}),
                       identity_.lane);
  frame.header.attempt = running_.attempt;
  channel_->post(std::move(frame), true);
}

std::optional<Bytes> LaneSession::restore() {
  check_is_task("asking for a checkpoint");
  ByteBuffer key;
  key.put(running_.key);
  const Bytes answer = request(FrameType::restore, std::move(key));
  if (answer.empty()) return std::nullopt;
  wire::KeptState kept = wire::read_kept_state(answer);
  ByteReader progress{kept.progress};
  keys_.go_on(progress);
  random_.reset();
  if (const auto position = progress.get<std::uint64_t>(); position > 0) random().discard(position);
  waits_made_ = progress.get<std::uint32_t>();
  return std::move(kept.state);
}

}  // namespace crema::lane
