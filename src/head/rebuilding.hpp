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
  /// Of these, and of those that are built: what they had applied again is not waited for any more, so the job does not
  /// end before they apply it once more.
  std::set<ActorId> awaited;
  std::shared_ptr<Reading> reading;
  std::set<RankId> untaught;
  std::uint64_t round = 0;
  Phase phase = Phase::idle;
};

}  // namespace crema::head
