#pragma once

#include "crema/options.hpp"

namespace crema {

/// The ranks this job runs on, as the head sees them at the moment of asking.
struct Cluster {
  int nodes = 0;      ///< distinct hosts
  int ranks = 0;      ///< MPI ranks, head and actor host included
  int workers = 0;    ///< ranks that run tasks
  int lanes = 0;      ///< tasks that these run at a time, where each takes a cpu
  Resources total{};  ///< what all workers offer; devices that several ranks see count once
  Resources free{};   ///< what of it is idle now
};

/// Asks the head; one round trip. Callable from the driver, tasks and actors.
Cluster cluster();

}  // namespace crema
