#pragma once

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "lane/lane.hpp"
#include "process/lane_memory.hpp"
#include "process/segment.hpp"
#include "process/zygote.hpp"

namespace crema::process {

class ProcessLane;

/// Starts lanes that are processes, and brings what they post to the loop. Used on the loop's thread; no call blocks.
class ProcessLaneFactory final : public lane::Factory {
 public:
  /// What its lanes will read is from now on received where they can (Segment).
  ProcessLaneFactory(Zygote& zygote, lane::Identity self) : zygote_{zygote}, self_{std::move(self)} {
    Segment::use_for_large_buffers();
  }

  /// `main` holds a LaneFunction. What the system refuses later ends the lane.
  std::unique_ptr<lane::Lane> start(LaneId id, lane::Main main) override;

  /// Calls `sink` with every frame that lanes have posted; returns whether there was any.
  bool take(const std::function<void(wire::Frame)>& sink);
  /// Calls `lost` with every lane whose process ended before its user code came back, after all that the lane has
  /// posted went to `sink`. Throws Error when the system has refused a process, or the zygote is gone.
  bool take_ends(const std::function<void(wire::Frame)>& sink, const std::function<void(const lane::Loss&)>& lost);

 private:
  friend class ProcessLane;

  /// From the lane's start until the zygote has reported its end, though the rank may let go of the lane before.
  struct Process {
    Arena::Owner owner{};
    /// What it may read, by the slots, until it tells that it does not. Bounded by what it has been given.
    std::unordered_multimap<std::uint32_t, Bytes> lent;
  };

  void forget_process(LaneId id);

  Zygote& zygote_;
  const lane::Identity self_;
  std::map<LaneId, ProcessLane*> lanes_;
  std::map<LaneId, Process> processes_;
  std::vector<std::vector<ProcessLane*>> by_mark_{Board::marks};
};

}  // namespace crema::process
