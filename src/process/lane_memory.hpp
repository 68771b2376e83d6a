#pragma once

#include <array>
#include <memory>
#include <span>

#include "crema/ids.hpp"
#include "process/descriptors.hpp"
#include "process/futex.hpp"
#include "process/ring.hpp"

namespace crema::process {

/// What one lane shares with its rank.
struct LaneMemory {
  /// Holds several of the largest frames that are not passed as a Segment. Only what is used of it takes memory.
  static constexpr std::size_t ring_size = 256 << 10;

  RingPositions to_lane;
  RingPositions to_rank;
  /// What the lane sleeps on: counts what it should look at (frames, room, the end).
  alignas(64) std::atomic<std::uint32_t> signal{0};
  std::atomic<std::uint32_t> sleepers{0};
  std::atomic<std::uint32_t> stopping{0};       ///< starts nothing further
  std::atomic<std::uint32_t> told_stopping{0};  ///< the job stops early
  /// Work of lower numbers was begun or taken back. Whoever raises it past a number owns that work.
  alignas(64) std::atomic<std::uint64_t> next_work{1};
  /// Told by the lane.
  alignas(64) std::atomic<std::uint64_t> running{0};
  std::atomic<std::int64_t> running_since{0};  ///< written before `running`; nanoseconds of the steady clock
  std::atomic<std::int64_t> time_limit{0};     ///< of what runs, nanoseconds; 0: none
  std::atomic<std::uint64_t> room{0};
  std::atomic<std::uint32_t> waiting{0};
  std::atomic<std::uint32_t> ended{0};  ///< user code has come back for good

  alignas(64) std::array<std::byte, ring_size> to_lane_bytes;
  std::array<std::byte, ring_size> to_rank_bytes;

  /// The rank has done something that the lane may wait for.
  void wake_lane() {
    signal.fetch_add(1);
    if (sleepers.load() > 0) futex_wake(signal);
  }
};

/// A mapping of a LaneMemory. Nothing has a name, so nothing is left behind.
class LaneMapping {
 public:
  /// Maps what `fd`, a memfd of create_lane_memory, holds. Throws Error.
  explicit LaneMapping(int fd);
  ~LaneMapping();
  LaneMapping(const LaneMapping&) = delete;
  LaneMapping& operator=(const LaneMapping&) = delete;

  LaneMemory& operator*() const { return *memory_; }
  LaneMemory* operator->() const { return memory_; }

 private:
  LaneMemory* memory_;
};

/// Throws Error.
Descriptor create_lane_memory();

}  // namespace crema::process
