#include "worker/worker.hpp"

#include <algorithm>

#include "lane/lane_status.hpp"

namespace crema::worker {
namespace {

/// Tasks given to one lane ahead of time: enough to hide the hand-over of microsecond tasks, few enough to take back.
constexpr std::size_t given_ahead = 256;

/// Fractions are added up: three thirds are one.
constexpr double cpu_tolerance = 1e-9;

/// Workers that run at least so many tasks at a time send outcomes in groups of up to so many, none later than this.
constexpr std::uint32_t slots_that_hold = 16;
constexpr std::size_t most_held = 64;
constexpr std::int64_t held_nanoseconds = 100'000;

double cpus_of(const wire::Frame& task) { return wire::read_task(task.payload).occupation->resources.cpus; }

}  // namespace

using wire::FrameType;

Worker::Worker(wire::Outbox& outbox, StartLane start_lane, std::uint32_t slots, double cpus, lane::Identity self)
    : outbox_{outbox}, start_lane_{std::move(start_lane)}, slots_{slots}, cpus_{cpus}, self_{std::move(self)} {}

void Worker::on_task(wire::Frame frame) {
  const RunOrder order = wire::read_run_order(frame.payload);
  if (const std::uint32_t depth = deeper_than(); depth > 0 && order.depth <= depth) return hand_back(std::move(frame));
  queue_.push(order, std::move(frame));
}

void Worker::on_cancel(const wire::Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) cancelled_.insert(id);
  tell_lanes_cancelled();
  // One that waits does not look.
  for (auto& [id, slot] : lanes_)
    if (slot.parked && !slot.lost) tell_if_cancelled(slot);
}

/// Requires that its task waits.
void Worker::tell_if_cancelled(Slot& slot) {
  const TaskId id = slot.lane->running();
  if (!cancelled_.contains(id)) return;
  slot.lane->reply(wire::make_frame(FrameType::cancel_task, wire::write_ids({id})));
  to_wake_.add(*slot.lane);
}

void Worker::tell_lanes_cancelled() {
  for (auto& [id, slot] : lanes_) slot.lane->tell_cancelled({cancelled_.begin(), cancelled_.end()});
}

void Worker::tell_stopping() {
  for (auto& [id, slot] : lanes_) slot.lane->tell_stopping();
}

void Worker::on_lane(wire::Frame frame) {
  Slot& slot = lanes_.at(frame.header.lane);
  switch (frame.header.type) {
    case FrameType::outcome: {
      const wire::OutcomeTimes outcome = wire::read_outcome_times(frame.payload);
      --slot.given;
      --given_;
      slot.cpus.reset();
      lost_without_work_ = 0;
      ++tasks_done_;
      busy_nanoseconds_ += outcome.finished - outcome.started;
      if (!cancelled_.empty()) {
        cancelled_.erase(outcome.id);
        // What came too late to meet its task goes when no task is left that it could mean.
        if (given_ == 0 && queue_.empty()) cancelled_.clear();
        tell_lanes_cancelled();
      }
      if (slots_ < slots_that_hold) {
        outbox_.send(head_rank, std::move(frame));
      } else {
        frame.payload = frame.payload.compact();
        held_.push_back(std::move(frame));
      }
      break;
    }
    case FrameType::park:
      park(slot, frame.header);
      break;
    case FrameType::resume:
      unpark(slot);
      break;
    default:
      throw Error{"handling a lane's message: a worker does not know type " +
                  std::to_string(static_cast<int>(frame.header.type))};
  }
}

void Worker::park(Slot& slot, const wire::FrameHeader& header) {
  slot.parked = true;
  if ((header.flags & wire::flag_for_room) != 0) slot.room_depth = header.attempt;
  ++parked_;
  parked_changed_ = true;
  // What was given to this lane must not wait behind the task that waits.
  take_back(slot);
  tell_if_cancelled(slot);
  if (parked_ <= max_parked()) return;
  // The actor may need tasks for what is in its mailbox, and these are deeper than its callers. As only such ones begin
  // here until there is room, no more than a task for each slot and depth waits beyond the bound.
  if (slot.room_depth > 0) return on_hand_back();
  // It keeps its slot, so that no further task starts that may have to wait as well.
  unpark(slot);
  wire::Frame refusal = wire::make_frame(FrameType::refuse_park);
  refusal.header.sequence = header.sequence;
  slot.lane->reply(std::move(refusal));
  to_wake_.add(*slot.lane);
}

void Worker::unpark(Slot& slot) {
  if (slot.parked) --parked_;
  slot.parked = false;
  slot.room_depth = 0;
  parked_changed_ = true;
}

std::uint32_t Worker::deeper_than() const {
  std::uint32_t deepest = 0;
  if (parked_ > max_parked())
    for (const auto& [id, slot] : lanes_) deepest = std::max(deepest, slot.room_depth);
  return deepest;
}

void Worker::on_hand_back() {
  for (auto& [id, slot] : lanes_)
    if (slot.given > 1) take_back(slot);
  while (!queue_.empty()) hand_back(queue_.pop());
}

void Worker::hand_back(wire::Frame task) {
  cancelled_.erase(wire::read_task(task.payload).id);
  task.header.type = FrameType::handed_back;
  outbox_.send(head_rank, std::move(task));
}

void Worker::take_back(Slot& slot) {
  std::vector<wire::Frame> unstarted = slot.lane->take_back();
  slot.given -= unstarted.size();
  given_ -= unstarted.size();
  for (auto frame = unstarted.rbegin(); frame != unstarted.rend(); ++frame) {
    const RunOrder order = wire::read_run_order(frame->payload);
    queue_.push_front(order, std::move(*frame));
  }
}

bool Worker::on_reply(wire::Frame& frame) {
  const auto found = lanes_.find(frame.header.lane);
  if (found == lanes_.end()) return false;
  found->second.lane->reply(std::move(frame));
  to_wake_.add(*found->second.lane);
  return true;
}

void Worker::turn(std::int64_t now) {
  if (turned_ != 0) busy_nanoseconds_ -= static_cast<std::int64_t>(parked_at_turn_) * (now - turned_);
  turned_ = now;
  parked_at_turn_ = parked_;
  hand_out();
  share_among_lanes();
  to_wake_.wake_all();
  end_overdue(now);
  if (lost_ > 0) remove_lost();
  if (!held_.empty()) send_held(now);
  if (announced_ && !parked_changed_) return;
  announced_ = true;
  parked_changed_ = false;
  outbox_.send(head_rank, wire::make_frame(FrameType::pull, wire::write(pull())));
}

/// Where many lanes run, each message to the head would tell of one task, and the head would have little time for
/// anything else. As long as most lanes are busy their outcomes can wait a moment for others.
void Worker::send_held(std::int64_t now) {
  if (held_since_ == 0) held_since_ = now;
  const bool most_are_busy = 2 * (given_ - std::min(given_, parked_)) >= slots_;
  if (most_are_busy && held_.size() < most_held && now - held_since_ < held_nanoseconds) return;
  flush_held();
}

void Worker::flush_held() {
  for (wire::Frame& frame : held_) outbox_.send(head_rank, std::move(frame));
  held_.clear();
  held_since_ = 0;
}

/// What waits behind a running task on one lane can run on another that has nothing to do.
void Worker::share_among_lanes() {
  if (slots_ == 1 || !queue_.empty() || given_ == 0) return;
  std::size_t running = 0;
  Slot* longest = nullptr;
  for (auto& [id, slot] : lanes_) {
    if (slot.parked || slot.lost || slot.given == 0) continue;
    ++running;
    if (longest == nullptr || slot.given > longest->given) longest = &slot;
  }
  if (longest == nullptr || longest->given < 2 || running >= slots_) return;
  take_back(*longest);
  hand_out();
}

wire::Pull Worker::pull() const {
  wire::Pull pull{.slots = slots_, .deeper_than = deeper_than()};
  if (parked_ == 0) return pull;
  for (const auto& [id, slot] : lanes_) {
    if (!slot.parked) continue;
    ++(slot.cpus ? pull.parked_with_resources : pull.parked);
    pull.parked_cpus += slot.cpus.value_or(0);
  }
  return pull;
}

void Worker::hand_out() {
  while (!queue_.empty()) {
    Slot* slot = lane_for_next_task();
    if (slot == nullptr) break;
    wire::Frame task = queue_.pop();
    if ((task.header.flags & wire::flag_resources) != 0) slot->cpus = cpus_of(task);
    slot->lane->give_work(std::move(task));
    to_wake_.add(*slot->lane);
    ++slot->given;
    ++given_;
  }
}

Worker::Slot* Worker::lane_for_next_task() {
  const bool with_resources = (queue_.front().header.flags & wire::flag_resources) != 0;
  const double wanted = with_resources ? cpus_of(queue_.front()) : 1;
  std::size_t running = 0;
  double cpus = 0;
  Slot* idle = nullptr;
  Slot* least = nullptr;  // of those that run tasks without resources of their own
  for (auto& [id, slot] : lanes_) {
    if (slot.parked || slot.lost) continue;
    if (slot.given == 0) {
      idle = &slot;
      continue;
    }
    ++running;
    cpus += slot.cpus.value_or(1);
    if (!slot.cpus && (least == nullptr || slot.given < least->given)) least = &slot;
  }
  if (running == 0 || (running < slots_ && cpus + wanted <= cpus_ + cpu_tolerance)) {
    if (idle != nullptr) return idle;
    auto lane = start_lane_();
    const LaneId id = lane->id();
    lane->tell_cancelled({cancelled_.begin(), cancelled_.end()});
    return &lanes_.emplace(id, Slot{std::move(lane)}).first->second;
  }
  // All slots run: work ahead goes to the shortest queue.
  return !with_resources && least != nullptr && least->given < given_ahead ? least : nullptr;
}

void Worker::describe(wire::Status& status) const {
  status.queued += queue_.size();
  for (const auto& [id, slot] : lanes_) {
    if (slot.lost) continue;
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
