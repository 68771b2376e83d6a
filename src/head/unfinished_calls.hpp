#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "crema/arguments.hpp"
#include "crema/ids.hpp"

// What the head keeps of calls, and of the work that makes them, until that has ended.
namespace crema::head {

/// A call that has its place in the history, and has not ended.
struct PlacedCall {
  TaskKey key;
  ActorId actor;
  TaskId parent{};
  FunctionId method{};
  std::uint32_t attempt = 0;  ///< of the caller
  bool done = false;          ///< before its actor was built anew: it is applied for the actor's state alone
};

/// Durable calls of an unfinished caller.
struct ArrivedCalls {
  std::unordered_set<TaskKey> calls;  ///< that have a place
  std::size_t failed = 0;             ///< without one
  [[nodiscard]] std::size_t count() const { return calls.size() + failed; }
};

/// When work ended first, by the upper half of its key, for the attempts after the one that has started it.
class Orders {
 public:
  void add(std::uint64_t key, std::uint64_t order) { known_.emplace_back(key, order); }
  /// What was added so far is for the next attempt to find.
  void hold() {
    std::sort(known_.begin(), known_.end());
    held_ = known_.size();
  }
  /// 0: it had not ended.
  [[nodiscard]] std::uint64_t find(std::uint64_t key) const {
    const auto end = known_.begin() + static_cast<std::ptrdiff_t>(held_);
    const auto found = std::lower_bound(known_.begin(), end, std::pair{key, std::uint64_t{0}});
    return found != end && found->first == key ? found->second : 0;
  }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> known_;  // key, order
  std::size_t held_ = 0;                                        // the first ones, which are sorted
};

/// What work was told that waited for some of several values, by the ordinals of its waits.
class Answers {
 public:
  /// Ordinals rise: others are known.
  void add(std::uint32_t ordinal, const std::vector<std::uint32_t>& places) {
    if (!ordinals_.empty() && ordinals_.back() >= ordinal) return;
    ordinals_.push_back(ordinal);
    places_.insert(places_.end(), places.begin(), places.end());
    ends_.push_back(places_.size());
  }
  [[nodiscard]] std::optional<std::vector<std::uint32_t>> find(std::uint32_t ordinal) const {
    const auto found = std::lower_bound(ordinals_.begin(), ordinals_.end(), ordinal);
    if (found == ordinals_.end() || *found != ordinal) return std::nullopt;
    const auto index = static_cast<std::size_t>(found - ordinals_.begin());
    const auto place = [&](std::size_t end) { return places_.begin() + static_cast<std::ptrdiff_t>(end); };
    return std::vector<std::uint32_t>{place(index == 0 ? 0 : ends_[index - 1]), place(ends_[index])};
  }

 private:
  // Flat: a task may look very often whether something is there.
  std::vector<std::uint32_t> ordinals_;
  std::vector<std::size_t> ends_;  // of the places of each
  std::vector<std::uint32_t> places_;
};

/// What unfinished work has started: a further attempt starts it under the same keys, and is told what this one was.
struct Repeatable {
  std::vector<Named<TaskId>> works;
  std::vector<TaskId> pinned;
  Orders orders;  ///< of what has ended
  Answers answers;
  std::set<RankId> hosts;  ///< of calls that are in the history
  /// Of others: these hosts are told to forget them once all have ended.
  std::set<RankId> other_hosts;
  std::unordered_map<TaskKey, TaskId> pool_calls;
  bool over = false;  ///< there is no further attempt
  /// Of a task, and of calls that are in no history: when as many have ended it is not tried again, and all are
  /// forgotten.
  static constexpr std::uint64_t most_outcomes = 100'000;
  std::uint64_t outcomes = 0;
  bool too_many = false;
  bool kept_from_trying = false;  ///< by that alone
};

/// What stays until some work has ended, or a value that is gone is there or not needed.
struct Pins {
  std::vector<TaskId> values;
  TaskKey call{};    ///< of a call: a further attempt of its task makes it again by this key
  TaskId earlier{};  ///< the same call of an attempt that was lost: it has ended, or never began, once this one has
};

}  // namespace crema::head
