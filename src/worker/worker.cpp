#include "worker/worker.hpp"

#include "lane/lane_status.hpp"

namespace crema::worker {
namespace {

/// Tasks given to one lane ahead of time: enough to hide the hand-over of microsecond tasks, few enough to take back.
constexpr std::size_t given_ahead = 64;

}  // namespace

using wire::FrameType;

Worker::Worker(wire::Outbox& outbox, StartLane start_lane, std::uint32_t slots)
    : outbox_{outbox}, start_lane_{std::move(start_lane)}, slots_{slots} {}

void Worker::on_task(wire::Frame frame) {
  const RunOrder order = wire::read_run_order(frame.payload);
  queue_.push(order, std::move(frame));
}

void Worker::on_cancel(const wire::Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) cancelled_.insert(id);
  tell_lanes_cancelled();
}

void Worker::tell_lanes_cancelled() {
  for (auto& [id, slot] : lanes_) slot.lane->tell_cancelled({cancelled_.begin(), cancelled_.end()});
}

void Worker::on_lane(wire::Frame frame) {
  Slot& slot = lanes_.at(frame.header.lane);
  switch (frame.header.type) {
    case FrameType::outcome: {
      const wire::Outcome outcome = wire::read_outcome(frame.payload);
      --slot.given;
      --given_;
      ++tasks_done_;
      busy_nanoseconds_ += outcome.finished - outcome.started;
      if (!cancelled_.empty()) {
        cancelled_.erase(outcome.id);
        // What came too late to meet its task goes when no task is left that it could mean.
        if (given_ == 0 && queue_.empty()) cancelled_.clear();
        tell_lanes_cancelled();
      }
      outbox_.send(head_rank, std::move(frame));
      break;
    }
    case FrameType::park:
      park(slot, frame.header.sequence);
      break;
    case FrameType::resume:
      if (slot.parked) --parked_;
      slot.parked = false;
      break;
    default:
      throw Error{"handling a lane's message: a worker does not know type " +
                  std::to_string(static_cast<int>(frame.header.type))};
  }
}

void Worker::park(Slot& slot, std::uint64_t sequence) {
  slot.parked = true;
  ++parked_;
  // What was given to this lane must not wait behind the task that waits.
  std::vector<wire::Frame> unstarted = slot.lane->take_back();
  slot.given -= unstarted.size();
  given_ -= unstarted.size();
  for (auto frame = unstarted.rbegin(); frame != unstarted.rend(); ++frame) {
    const RunOrder order = wire::read_run_order(frame->payload);
    queue_.push_front(order, std::move(*frame));
  }
  if (parked_ <= max_parked) return;
  // It keeps its slot, so that no further task starts that may have to wait as well.
  slot.parked = false;
  --parked_;
  wire::Frame refusal = wire::make_frame(FrameType::refuse_park);
  refusal.header.sequence = sequence;
  slot.lane->reply(std::move(refusal));
  to_wake_.add(*slot.lane);
}

bool Worker::on_reply(wire::Frame& frame) {
  const auto found = lanes_.find(frame.header.lane);
  if (found == lanes_.end()) return false;
  found->second.lane->reply(std::move(frame));
  to_wake_.add(*found->second.lane);
  return true;
}

void Worker::turn() {
  hand_out();
  to_wake_.wake_all();
  if (announced_ && announced_parked_ == parked_) return;
  announced_ = true;
  announced_parked_ = static_cast<std::uint32_t>(parked_);
  outbox_.send(head_rank, wire::make_frame(FrameType::pull, wire::write(wire::Pull{slots_, announced_parked_})));
}

void Worker::hand_out() {
  while (!queue_.empty()) {
    Slot* slot = lane_for_next_task();
    if (slot == nullptr) break;
    slot->lane->give_work(queue_.pop());
    to_wake_.add(*slot->lane);
    ++slot->given;
    ++given_;
  }
}

Worker::Slot* Worker::lane_for_next_task() {
  std::size_t running = 0;
  Slot* least = nullptr;
  for (auto& [id, slot] : lanes_) {
    if (slot.parked) continue;
    if (slot.given > 0) ++running;
    if (least == nullptr || slot.given < least->given) least = &slot;
  }
  const bool idle_lane = least != nullptr && least->given == 0;
  if (running < slots_) {
    if (idle_lane) return least;
    auto lane = start_lane_();
    const LaneId id = lane->id();
    lane->tell_cancelled({cancelled_.begin(), cancelled_.end()});
    return &lanes_.emplace(id, Slot{std::move(lane)}).first->second;
  }
  // All slots run: work ahead goes to the shortest queue of a running lane.
  least = nullptr;
  for (auto& [id, slot] : lanes_)
    if (!slot.parked && slot.given > 0 && (least == nullptr || slot.given < least->given)) least = &slot;
  return least != nullptr && least->given < given_ahead ? least : nullptr;
}

void Worker::describe(wire::Status& status) const {
  status.queued += queue_.size();
  for (const auto& [id, slot] : lanes_) {
    status.lanes.push_back(lane::status_of(*slot.lane));
    if (slot.given > 1) status.queued += slot.given - 1;
  }
}

void Worker::stop() {
  queue_.clear();
  for (auto& [id, slot] : lanes_) slot.lane->stop();
}

bool Worker::stopped() const {
  for (const auto& [id, slot] : lanes_)
    if (!slot.lane->stopped()) return false;
  return true;
}

}  // namespace crema::worker
