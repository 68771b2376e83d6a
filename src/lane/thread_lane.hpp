#pragma once

#include "lane/lane.hpp"

namespace crema::lane {

/// Lanes that are threads of the rank's process (--isolation none): lowest latency, one debugger sees all; user code
/// that crashes takes its rank with it.
class ThreadLaneFactory final : public Factory {
 public:
  /// `inbox` outlives every lane.
  ThreadLaneFactory(RankId rank, std::string host, Inbox& inbox) : rank_{rank}, host_{std::move(host)}, inbox_{inbox} {}

  std::unique_ptr<Lane> start(LaneId id, Main main) override;

 private:
  RankId rank_;
  std::string host_;
  Inbox& inbox_;
};

}  // namespace crema::lane
