#pragma once

#include "lane/lane.hpp"

namespace crema::lane {

/// Lanes that are threads of the rank's process (--isolation none): lowest latency, one debugger sees all; user code
/// that crashes takes its rank with it.
class ThreadLaneFactory final : public Factory {
 public:
  /// `inbox` outlives every lane.
  ThreadLaneFactory(Identity self, Inbox& inbox) : self_{std::move(self)}, inbox_{inbox} {}

  std::unique_ptr<Lane> start(LaneId id, Main main) override;

 private:
  const Identity self_;  // but for the lane
  Inbox& inbox_;
};

}  // namespace crema::lane
