#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "lane/lane.hpp"
#include "process/board.hpp"
#include "process/lane_memory.hpp"
#include "process/segment.hpp"

namespace crema::process {

/// The lane's side of a lane that is a process: speaks with its rank through shared memory. What does not fit blocks
/// the lane, never the rank.
class ProcessChannel final : public lane::Channel {
 public:
  ProcessChannel(LaneId lane, Board& board, LaneMemory& memory);

  std::optional<wire::Frame> next_work() override;
  wire::Frame next_reply() override;
  std::optional<wire::Frame> poll_reply() override;
  bool cancelled(TaskId id) override;
  bool stopping() override { return memory_.told_stopping.load(std::memory_order_relaxed) != 0; }
  void post(wire::Frame frame, bool wake) override;
  void runs(TaskId id) override;
  void limit_time(std::int64_t nanoseconds) override;
  void waits_for_room(ActorId actor) override { memory_.room.store(actor.number, std::memory_order_relaxed); }

 private:
  void take_in();
  PassedPayload hand_over(const Bytes& payload);
  bool tell_ended_loans(bool waits);
  void try_to_tell_ended_loans();
  void write(const RecordHead& head, std::span<const std::byte> payload);
  bool ended() const { return memory_.stopping.load() != 0; }
  template <class Condition>
  void sleep_until(Condition condition);

  const LaneId lane_;
  Board& board_;
  LaneMemory& memory_;
  const bool spins_;

  // The thread that runs user code only. Bounded as what the rank gives.
  RingReader reader_;
  std::deque<RecordReader::Record> work_;
  std::deque<wire::Frame> replies_;
  std::vector<TaskId> cancelled_;

  // Values keep it; the process ends with this.
  const std::shared_ptr<EndedLoans> ended_loans_ = std::make_shared<EndedLoans>([this] { try_to_tell_ended_loans(); });

  std::mutex mutex_;
  RingWriter writer_;                   // guarded by mutex_
  std::atomic<bool> held_back_{false};  // a frame was posted without waking the loop
};

}  // namespace crema::process
