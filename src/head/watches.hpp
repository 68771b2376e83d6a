#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "head/waits.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::head {

/// Those who want to know when values are there, but not the values: wait and as_completed. Used on the event loop's
/// thread.
class Watches {
 public:
  /// Whether a value is there.
  using IsThere = std::function<bool(TaskId)>;

  Watches(wire::Outbox& outbox, IsThere is_there) : outbox_{outbox}, is_there_{std::move(is_there)} {}

  /// Requests of lanes. Times are on the head's clock.
  void on_wait(RankId from, const wire::Frame& frame, std::int64_t now);
  void on_watch(RankId from, const wire::Frame& frame);
  void on_unwatch(RankId from, const wire::Frame& frame);

  /// These have died, and wait no more.
  void forget(RankId rank);
  void forget(RankId rank, LaneId lane);

  /// A value is there now.
  void tell(TaskId id);
  /// Ends waits whose time is over.
  void end_late(std::int64_t now);
  /// Adds the lanes that wait here.
  void describe(Waits& waits) const;

 private:
  struct Name {
    RankId rank;
    LaneId lane;
    std::uint64_t sequence = 0;

    friend auto operator<=>(const Name&, const Name&) = default;
  };
  struct Watch {
    std::vector<TaskId> ids{};  ///< of a wait
    std::uint32_t missing = 0;  ///< of a wait: until it ends
    std::uint32_t count = 0;
    bool stream = false;  ///< told of each
    bool timed = false;   ///< of a wait: has a deadline
  };

  void end_wait(const Name& name);

  wire::Outbox& outbox_;
  const IsThere is_there_;

  std::map<Name, Watch> watches_;
  std::unordered_map<TaskId, std::vector<Name>> watchers_;  // by value; a watch that has ended may still be named
  std::multimap<std::int64_t, Name> deadlines_;             // of waits
};

}  // namespace crema::head
