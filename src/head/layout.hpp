#pragma once

#include <vector>

#include "crema/ids.hpp"
#include "head/resource_pool.hpp"

namespace crema::head {

/// What the head knows of the machine, for Cluster.
struct Layout {
  int nodes = 1;
  int ranks = 1;
  std::vector<RankId> workers{};
  std::vector<RankId> actor_hosts{};
  std::vector<Offer> offers{};  ///< by rank; empty: CPUs are no limit, and there is nothing else
};

}  // namespace crema::head
