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
      record->frame.payload = receive_apart(header.payload_size);
    }
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

Bytes ProcessChannel::receive_apart(std::size_t size) {
  PassedPayload told;
  auto message = receive_message(socket_.get(), std::as_writable_bytes(std::span{&told, 1}), true);
  // Without its rank a lane has nothing left to do.
  if (!message || message->descriptors.size() != 1 || told.size != size) ::_exit(1);
  return Segment::take(std::move(message->descriptors.front()), told, false);
}

/// A payload in a segment goes as it is, and this process has no part in it any more.
void ProcessChannel::send_apart(const Bytes& payload) {
  const Passing passing = pass(payload);
  if (Segment* segment = Segment::of(payload))
    segment->finish(passing.told.offset + passing.told.size, payload.shared());
  if (send_message(socket_.get(), std::as_bytes(std::span{&passing.told, 1}), {&passing.descriptor, 1}, true) !=
      Sent::yes)
    ::_exit(1);
}

void ProcessChannel::post(wire::Frame frame, bool wake) {
  const std::lock_guard lock{mutex_};
  RecordHead head{0, frame.header};
  if (frame.payload.size() >= Segment::smallest) {
    head.header.flags |= wire::flag_detached_payload;
    send_apart(std::exchange(frame.payload, {}));
  }
  const std::span<const std::byte> payload = frame.payload.span();
  while (!writer_.write(head, payload)) {
    const std::uint32_t seen = memory_.signal.load();
    if (!writer_.ask_for_room(RingWriter::size_of(payload.size()))) continue;
    board_.mark(lane_);
    board_.bell().ring();
    memory_.sleepers.fetch_add(1);
    futex_wait(memory_.signal, seen, std::nullopt);
    memory_.sleepers.fetch_sub(1);
  }
  writer_.publish();
  board_.mark(lane_);
  held_back_.store(!wake, std::memory_order_relaxed);
  if (wake) board_.bell().ring();
}

template <class Condition>
void ProcessChannel::sleep_until(Condition condition) {
  if (condition()) return;
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
