#include "process/process_channel.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "process/segment.hpp"
#include "wire/messages.hpp"

namespace crema::process {
namespace {

/// How long a lane looks for what it waits for before it sleeps: about a round trip within the rank.
constexpr std::chrono::microseconds spin{20};

bool has_several_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) > 1;
}

}  // namespace

ProcessChannel::ProcessChannel(LaneId lane, Board& board, LaneMemory& memory)
    : lane_{lane},
      board_{board},
      memory_{memory},
      spins_{has_several_cores()},
      reader_{memory.to_lane, memory.to_lane_bytes},
      writer_{memory.to_rank, memory.to_rank_bytes} {}

std::optional<wire::Frame> ProcessChannel::next_work() {
  while (!ended()) {
    while (!work_.empty()) {
      RecordReader::Record record = std::move(work_.front());
      work_.pop_front();
      std::uint64_t number = record.work;
      if (memory_.next_work.compare_exchange_strong(number, number + 1)) return std::move(record.frame);
    }
    take_in();
    if (!work_.empty()) continue;
    runs({});
    sleep_until([&] { return ended() || !reader_.empty(); });
  }
  return std::nullopt;
}

wire::Frame ProcessChannel::next_reply() {
  if (auto reply = poll_reply()) return std::move(*reply);
  memory_.waiting.store(1, std::memory_order_relaxed);
  while (replies_.empty() && !ended()) {
    sleep_until([&] { return ended() || !reader_.empty(); });
    take_in();
  }
  memory_.waiting.store(0, std::memory_order_relaxed);
  if (replies_.empty()) throw lane::LaneStopped{};
  wire::Frame reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

std::optional<wire::Frame> ProcessChannel::poll_reply() {
  if (replies_.empty()) take_in();
  if (replies_.empty()) return std::nullopt;
  wire::Frame reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

bool ProcessChannel::cancelled(TaskId id) {
  take_in();
  return std::find(cancelled_.begin(), cancelled_.end(), id) != cancelled_.end();
}

void ProcessChannel::runs(TaskId id) {
  if (id != TaskId{})
    memory_.running_since.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  memory_.running.store(id.number, std::memory_order_release);
}

void ProcessChannel::limit_time(std::int64_t nanoseconds) {
  if (memory_.time_limit.load(std::memory_order_relaxed) == nanoseconds) return;
  runs({});  // the limit is not that of the last task
  memory_.time_limit.store(nanoseconds, std::memory_order_relaxed);
}

void ProcessChannel::take_in() {
  if (reader_.empty()) return;
  RecordReader records{reader_.take()};
  while (auto record = records.next()) {
    const wire::FrameHeader& header = record->frame.header;
    if (record->passed) record->frame.payload = Segment::borrow(*record->passed, header.payload_size, ended_loans_);
    if (header.type == wire::FrameType::cancel_task) {
      cancelled_ = wire::read_ids(record->frame.payload);
    } else if (record->work == 0) {
      replies_.push_back(std::move(record->frame));
    } else {
      work_.push_back(std::move(*record));
    }
  }
  if (reader_.writer_waits()) {
    board_.mark(lane_);
    board_.bell().ring();
  }
}

/// A payload in the arena goes as it is. One that was made here goes for good; one that was lent the rank has.
PassedPayload ProcessChannel::hand_over(const Bytes& payload) {
  const bool others_hold_it = payload.shared();
  Passing passing = pass(payload);
  if (passing.told.kind == PassedPayload::Kind::unmapped) return passing.told;
  Segment& segment = *Segment::holding(passing.memory);
  if (segment.lent()) {
    passing.told.kind = PassedPayload::Kind::lent;
  } else {
    const bool held = others_hold_it && passing.memory.data() == payload.data();
    passing.told.kind = held ? PassedPayload::Kind::held : PassedPayload::Kind::given;
    if (held) passing.told.used = passing.told.capacity;  // what lies behind the payload is read as well
    segment.hand_over(held ? ended_loans_ : nullptr);
  }
  return passing.told;
}

/// The rank may fill again what nobody reads. Returns whether there was anything to tell.
bool ProcessChannel::tell_ended_loans(bool waits) {
  if (!ended_loans_->any()) return false;
  std::array<std::uint64_t, 512> ended{};
  bool any = false;
  while (waits || writer_.has_room(RingWriter::size_of(sizeof ended))) {
    const std::size_t count = ended_loans_->take(ended);
    if (count == 0) break;
    any = true;
    const auto payload = std::as_bytes(std::span{ended}.first(count));
    write({0, {.type = wire::FrameType::loans_ended, .lane = lane_, .payload_size = payload.size()}}, payload);
  }
  return any;
}

/// As soon as a loan ends, or the rank would keep it for as long as a task computes. What cannot be told without
/// waiting goes with the next message, or before the lane sleeps.
void ProcessChannel::try_to_tell_ended_loans() {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock || !tell_ended_loans(false)) return;
  writer_.publish();
  board_.mark(lane_);
}

void ProcessChannel::post(wire::Frame frame, bool wake) {
  // Until the lock is free: letting go of what was lent tells of it.
  const Bytes payload = std::move(frame.payload);
  const std::lock_guard lock{mutex_};
  tell_ended_loans(true);
  RecordHead head{0, frame.header};
  if (payload.size() >= Segment::smallest) {
    head.header.flags |= wire::flag_detached_payload;
    const PassedPayload told = hand_over(payload);
    write(head, std::as_bytes(std::span{&told, 1}));
  } else {
    write(head, payload.span());
  }
  writer_.publish();
  board_.mark(lane_);
  held_back_.store(!wake, std::memory_order_relaxed);
  if (wake) board_.bell().ring();
}

/// Waits for room.
void ProcessChannel::write(const RecordHead& head, std::span<const std::byte> payload) {
  while (!writer_.write(head, payload)) {
    const std::uint32_t seen = memory_.signal.load();
    writer_.publish();
    if (!writer_.ask_for_room(RingWriter::size_of(payload.size()))) continue;
    board_.mark(lane_);
    board_.bell().ring();
    memory_.sleepers.fetch_add(1);
    futex_wait(memory_.signal, seen, std::nullopt);
    memory_.sleepers.fetch_sub(1);
  }
}

template <class Condition>
void ProcessChannel::sleep_until(Condition condition) {
  if (condition()) return;
  if (ended_loans_->any()) {
    const std::lock_guard lock{mutex_};
    if (tell_ended_loans(true)) {
      writer_.publish();
      board_.mark(lane_);
      held_back_.store(true, std::memory_order_relaxed);
    }
  }
  if (held_back_.exchange(false, std::memory_order_relaxed)) board_.bell().ring();
  if (spins_) {
    const auto until = std::chrono::steady_clock::now() + spin;
    while (std::chrono::steady_clock::now() < until) {
      if (condition()) return;
      __builtin_ia32_pause();
    }
  }
  memory_.sleepers.fetch_add(1);
  for (std::uint32_t seen = memory_.signal.load(); !condition(); seen = memory_.signal.load())
    futex_wait(memory_.signal, seen, std::nullopt);
  memory_.sleepers.fetch_sub(1);
}

}  // namespace crema::process
