#include <fmt/format.h>

#include "crema/registry.hpp"
#include "worker/worker.hpp"

// How tasks end that do not end by themselves.
namespace crema::worker {
namespace {

/// How long a task has to end by itself once it was told that it is cancelled.
constexpr std::int64_t cancel_grace = 2'000'000'000;
/// A task may overstay by as much.
constexpr std::int64_t look_interval = 10'000'000;

/// Lanes that may end one after the other before they have begun anything: then it is not their work that ends them.
constexpr std::size_t most_lost_without_work = 20;

}  // namespace

using wire::FrameType;

void Worker::end_overdue(std::int64_t now) {
  if (now - looked_ < look_interval) return;
  looked_ = now;
  for (auto& [id, slot] : lanes_) {
    const TaskId running = slot.lane->running();
    if (slot.lost || running == TaskId{} || running == slot.killed) continue;
    const std::int64_t limit = slot.lane->time_limit();
    const bool late = limit > 0 && now - slot.lane->running_since() > limit;
    if (slot.lane->running() != running) continue;  // what was read may be another task's
    if (late) kill(slot, running, Failure::Kind::timeout);
    if (!cancelled_.contains(running)) continue;
    if (slot.cancelled != running) {
      slot.cancelled = running;
      slot.cancelled_at = now;
    }
    if (now - slot.cancelled_at > cancel_grace) kill(slot, running, Failure::Kind::cancelled);
  }
}

void Worker::kill(Slot& slot, TaskId id, Failure::Kind why) {
  slot.killed = id;
  slot.killed_for = why;
  static_cast<void>(slot.lane->kill());  // a thread goes on
}

void Worker::on_lane_lost(const lane::Loss& loss) {
  const auto found = lanes_.find(loss.lane);
  if (found == lanes_.end()) return;
  Slot& slot = found->second;
  slot.lost = true;
  ++lost_;
  take_back(slot);
  unpark(slot);
  if (auto unfinished = slot.lane->take_unfinished()) {
    // A task may end, and the next begin, between the decision to end its lane and the lane's end. The next one is not
    // to blame.
    const bool ended_for_another = slot.killed != TaskId{} && slot.killed != wire::read_task(unfinished->payload).id;
    if (ended_for_another) {
      run_again(slot, std::move(*unfinished));
    } else {
      on_lane(outcome_of_lost(slot, *unfinished, loss));
    }
  } else if (++lost_without_work_ > most_lost_without_work) {
    throw Error{
        fmt::format("running tasks: {} lanes have ended one after the other before they began a task, the last "
                    "{}; {}",
                    lost_without_work_, loss.reason, loss.last_errors)};
  }
}

void Worker::run_again(Slot& slot, wire::Frame task) {
  --slot.given;
  --given_;
  const RunOrder order = wire::read_run_order(task.payload);
  queue_.push_front(order, std::move(task));
}

wire::Frame Worker::outcome_of_lost(const Slot& slot, const wire::Frame& unfinished, const lane::Loss& loss) const {
  const wire::TaskSpec task = wire::read_task(unfinished.payload);
  Failure failure{.kind = Failure::Kind::crashed,
                  .function = task.label.empty() ? FunctionRegistry::at(task.function).name : task.label,
                  .task = task.id,
                  .attempt = task.attempt,
                  .rank = self_.rank,
                  .host = self_.host,
                  .type = loss.type,
                  .message = loss.reason};
  if (slot.killed == task.id) {
    failure.kind = slot.killed_for;
    if (slot.killed_for == Failure::Kind::timeout) {
      failure.type = "crema::TaskTimeout";
      failure.message =
          fmt::format("it took longer than its timeout of {:.6g} s", static_cast<double>(task.terms->timeout) * 1e-9);
    } else {
      failure.type = "crema::TaskCancelled";
      failure.message = fmt::format("it was cancelled and had not ended {} s later", cancel_grace / 1'000'000'000);
    }
  }
  if (!loss.last_errors.empty()) failure.message += "; it last wrote to stderr:\n" + loss.last_errors;
  ByteBuffer value;
  wire::write_failure(value, failure);
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::int64_t began = slot.lane->running_since();
  return wire::make_frame(FrameType::outcome,
                          wire::write(wire::Outcome{.id = task.id,
                                                    .parent = task.parent,
                                                    .function = task.function,
                                                    .failed = true,
                                                    .attempt = task.attempt,
                                                    .started = began == 0 ? now : began,
                                                    .finished = now,
                                                    .bytes_in = task.arguments.bytes.size(),
                                                    .value = Bytes{std::move(value)}}),
                          loss.lane);
}

/// After the outcomes of all that was given to them: the head is to hear of the lane's end last.
void Worker::remove_lost() {
  for (auto place = lanes_.begin(); place != lanes_.end();) {
    if (!place->second.lost || place->second.given > 0) {
      ++place;
      continue;
    }
    flush_held();
    outbox_.send(head_rank, wire::make_frame(FrameType::lane_lost, {}, place->first));
    to_wake_.remove(*place->second.lane);
    place = lanes_.erase(place);
    --lost_;
  }
}

}  // namespace crema::worker
