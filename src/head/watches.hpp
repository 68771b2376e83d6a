#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
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

  /// The how many-eth of all values it was, or will be where that is known before; 0: not known yet.
  using Order = std::function<std::uint64_t(Named<TaskId>)>;
  /// A wait for some of several ends with these places; of `wait`: who waits.
  using Answered = std::function<void(const wire::Wait& wait, const std::vector<std::uint32_t>& places)>;

  /// `answered` is told before the one who waits.
  Watches(wire::Outbox& outbox, IsThere is_there, Order order, Answered answered)
      : outbox_{outbox}, is_there_{std::move(is_there)}, order_{std::move(order)}, answered_{std::move(answered)} {}

  /// Requests of lanes. Times are on the head's clock.
  void on_wait(RankId from, const wire::FrameHeader& header, wire::Wait wait, std::int64_t now);
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
  /// Of a watch that is told of values in an order known before.
  struct Known {
    std::deque<TaskId> next{};                 ///< not told yet
    std::unordered_map<TaskId, bool> there{};  ///< of `next`
    std::vector<TaskId> later{};               ///< others that are there: told behind them
  };
  struct Watch {
    wire::Wait wait{};
    std::uint32_t missing = 0;  ///< of a wait: until it ends
    bool stream = false;        ///< told of each
    bool timed = false;         ///< of a wait: has a deadline
    std::unique_ptr<Known> known{};
  };

  void end_wait(const Name& name);
  void arrive(const Name& name, Watch& watch, TaskId id);
  void tell(const Name& name, TaskId id);

  wire::Outbox& outbox_;
  const IsThere is_there_;
  const Order order_;
  const Answered answered_;

  std::map<Name, Watch> watches_;
  std::unordered_map<TaskId, std::vector<Name>> watchers_;  // by value; a watch that has ended may still be named
  std::multimap<std::int64_t, Name> deadlines_;             // of waits
};

/// The answer to a wait: the places of the values that are there.
void answer_wait(wire::Outbox& outbox, RankId to, LaneId lane, std::uint64_t sequence,
                 const std::vector<std::uint32_t>& places);

}  // namespace crema::head
