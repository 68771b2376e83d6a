#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "crema/ids.hpp"
#include "history/past.hpp"

namespace crema::head {

/// Actors that were lost. First the history of this start is read, then hosts learn which calls may be made again, then
/// the actors start with their calls.
struct Rebuilding {
  /// Done on another thread.
  struct Reading {
    std::atomic<bool> done{false};
    history::Past past;  // written before done
    std::string error;
  };
  enum class Phase { idle, reading, teaching };

  std::set<ActorId> lost;  ///< to be built when these are
  std::set<ActorId> now;
  std::shared_ptr<Reading> reading;
  std::set<RankId> untaught;
  std::uint64_t round = 0;
  Phase phase = Phase::idle;
};

}  // namespace crema::head
