// States that long tasks keep, from which a further attempt goes on.
#include <algorithm>

#include "head/head.hpp"

namespace crema::head {

void Head::on_checkpoint(const wire::Frame& frame) {
  wire::Checkpoint checkpoint = wire::read_checkpoint(frame.payload);
  const Entry* entry = entries_.find(checkpoint.task.number);
  const bool runs = entry != nullptr && entry->state == Entry::State::sent;
  if (!runs || frame.header.attempt != attempts_.of(checkpoint.task)) return;  // of an attempt that was given up
  const bool is_first = !checkpoints_to_keep_.contains(checkpoint.task);
  if (!keeper_ || (is_first && are_recorded(checkpoint))) return keep_checkpoint(checkpoint);
  checkpoint.kept.progress = checkpoint.kept.progress.compact();
  checkpoint.kept.state = checkpoint.kept.state.compact();
  checkpoints_to_keep_[checkpoint.task].push_back(std::move(checkpoint));
}

/// Whether all calls made before have their places, or have failed without. Else an attempt that goes on from there
/// would leave calls out that nobody has.
bool Head::are_recorded(const wire::Checkpoint& checkpoint) const {
  if (checkpoint.calls.empty()) return true;
  const auto arrived = arrived_.find(checkpoint.task);
  if (arrived == arrived_.end()) return false;
  const auto missing = std::count_if(checkpoint.calls.begin(), checkpoint.calls.end(),
                                     [&](TaskKey call) { return !arrived->second.calls.contains(call); });
  return static_cast<std::size_t>(missing) <= arrived->second.failed;
}

void Head::keep_checkpoints_whose_calls_are_recorded(TaskId task) {
  const auto waiting = checkpoints_to_keep_.find(task);
  if (waiting == checkpoints_to_keep_.end()) return;
  while (!waiting->second.empty() && are_recorded(waiting->second.front())) {
    keep_checkpoint(waiting->second.front());
    waiting->second.pop_front();
  }
  if (waiting->second.empty()) checkpoints_to_keep_.erase(waiting);
}

void Head::keep_checkpoint(const wire::Checkpoint& checkpoint) {
  with_checkpoint_[checkpoint.task] = checkpoint.key;
  Bytes kept{wire::write(checkpoint.kept)};
  if (keeper_) keeper_->checkpoint(checkpoint.task, kept);
  checkpoints_[checkpoint.key] = std::move(kept);
}

void Head::on_restore(RankId from, const wire::Frame& frame) {
  const auto key = ByteReader{frame.payload}.get<TaskKey>();
  wire::Reply reply;
  // One that runs for what it had stored does so from its beginning.
  const bool from_beginning = std::any_of(run_for_stored_.begin(), run_for_stored_.end(),
                                          [key](const auto& task) { return task.second.key == key; });
  if (from_beginning) return send_reply(outbox_, from, frame, reply);
  if (const auto kept = checkpoints_.find(key); kept != checkpoints_.end()) {
    reply.bytes = kept->second;
  } else if (const Bytes* earlier = past_.checkpoint(key)) {
    reply.bytes = *earlier;
  }
  send_reply(outbox_, from, frame, reply);
}

void Head::forget_checkpoints(TaskId task) {
  const auto node = with_checkpoint_.extract(task);
  if (node.empty()) return;
  checkpoints_.erase(node.mapped());
  checkpoints_to_keep_.erase(task);
}

}  // namespace crema::head
