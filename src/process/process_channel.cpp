#include "process/process_channel.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
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

ProcessChannel::ProcessChannel(LaneId lane, Board& board, LaneMemory& memory, Descriptor socket)
    : lane_{lane},
      board_{board},
      memory_{memory},
      socket_{std::move(socket)},
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
    wire::FrameHeader& header = record->frame.header;
    if ((header.flags & wire::flag_detached_payload) != 0) {
      header.flags &= static_cast<std::uint16_t>(~wire::flag_detached_payload);
      record->frame.payload = receive_apart(header.type, header.payload_size);
    }
    if (header.type == wire::FrameType::spare) continue;
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

Bytes ProcessChannel::receive_apart(wire::FrameType type, std::size_t size) {
  PassedPayload told;
  auto message = receive_message(socket_.get(), std::as_writable_bytes(std::span{&told, 1}), true);
  // Without its rank a lane has nothing left to do.
  if (!message || message->descriptors.size() != 1) ::_exit(1);
  Descriptor& memory = message->descriptors.front();
  if (type == wire::FrameType::spare) {
    Segment::set_aside(std::move(memory), told.size);
    return {};
  }
  if (told.size != size) ::_exit(1);
  Bytes payload = Segment::take(std::move(memory), told, false);
  if (Segment* const segment = Segment::holding(payload)) {
    segment->set_loan(told.loan, ended_loans_);
  } else {
    ended_loans_->add(told.loan);
  }
  return payload;
}

/// A payload in a segment goes as it is. One that was made here goes for good; one that was lent the rank has.
void ProcessChannel::send_apart(const Bytes& payload) {
  const bool others_hold_it = payload.shared();
  Passing passing = pass(payload);
  Segment* const segment = Segment::holding(passing.memory);
  std::span<const int> descriptors{&passing.descriptor, 1};
  if (segment != nullptr && segment->loan() != 0) {
    passing.told.loan = segment->loan();
    descriptors = {};
  } else if (segment != nullptr) {
    const bool shared = others_hold_it && passing.memory.data() == payload.data();
    passing.told.held = segment->finish(passing.told.offset + passing.told.size, shared) ? 1 : 0;
  }
  if (send_message(socket_.get(), std::as_bytes(std::span{&passing.told, 1}), descriptors, true) != Sent::yes)
    ::_exit(1);
}

/// The rank may fill again what nobody reads. Returns whether there was anything to tell.
bool ProcessChannel::tell_ended_loans() {
  constexpr std::size_t told_at_a_time = 1024;  // far less than a ring holds
  const std::vector<std::uint64_t> ended = ended_loans_->take();
  for (std::span<const std::uint64_t> left{ended}; !left.empty();) {
    const auto told = left.first(std::min(left.size(), told_at_a_time));
    left = left.subspan(told.size());
    const wire::FrameHeader header{
        .type = wire::FrameType::loans_ended, .lane = lane_, .payload_size = told.size_bytes()};
    write({0, header}, std::as_bytes(told));
  }
  return !ended.empty();
}

void ProcessChannel::post(wire::Frame frame, bool wake) {
  const std::lock_guard lock{mutex_};
  tell_ended_loans();
  RecordHead head{0, frame.header};
  if (frame.payload.size() >= Segment::smallest) {
    head.header.flags |= wire::flag_detached_payload;
    send_apart(std::exchange(frame.payload, {}));
  }
  write(head, frame.payload.span());
  writer_.publish();
  board_.mark(lane_);
  held_back_.store(!wake, std::memory_order_relaxed);
  if (wake) board_.bell().ring();
}

/// Waits for room.
void ProcessChannel::write(const RecordHead& head, std::span<const std::byte> payload) {
  while (!writer_.write(head, payload)) {
    const std::uint32_t seen = memory_.signal.load();
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
  {
    const std::lock_guard lock{mutex_};
    if (tell_ended_loans()) {
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
