#pragma once

#include "lane/lane.hpp"

namespace crema::lane {

/// Lanes that are threads of the rank's process (--isolation none): lowest latency, one debugger sees all; user code
/// that crashes takes its rank with it.
class ThreadLaneFactory final : public Factory {
 public:
  /// `inbox` outlives every lane.
  ThreadLaneFactory(RankId rank, std::string host, std::uint64_t seed, Inbox& inbox)
      : rank_{rank}, host_{std::move(host)}, seed_{seed}, inbox_{inbox} {}

  std::unique_ptr<Lane> start(LaneId id, Main main) override;

 private:
  RankId rank_;
  std::string host_;
  std::uint64_t seed_;
  Inbox& inbox_;
};

}  // namespace crema::lane
