#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "crema/ids.hpp"

namespace crema::head {

/// Which tasks lost attempts, and what these have left: children that the next attempt starts again under the same
/// keys, and which must not run twice. Used on the event loop's thread.
class Attempts {
 public:
  /// The number of the attempt that counts now, from 0. A task's numbers are kept to the end of the run: messages of a
  /// lost attempt may come late.
  [[nodiscard]] std::uint32_t of(TaskId task) const { return numbers(task).now; }
  /// The first attempt whose calls of actors all arrive: it has told how many there are, or will. How many a lost one
  /// before it has made is not known.
  [[nodiscard]] std::uint32_t first_counted(TaskId task) const { return numbers(task).first_counted; }
  /// An attempt has told its end, and another follows; its number.
  std::uint32_t end(TaskId task) { return ++numbers_[task].now; }
  /// An attempt is lost; the number of the next.
  std::uint32_t lose(TaskId task) {
    Numbers& numbers = numbers_[task];
    return numbers.first_counted = ++numbers.now;
  }

  /// A child that a lost attempt of `parent` has started. False: it is known.
  bool leave(TaskId parent, std::uint64_t key, TaskId child) {
    return left_[parent].children.try_emplace(key, child).second;
  }
  /// The child with this key that a lost attempt of the parent has left; `again`: as what its next attempt knows it.
  /// Zero: there is none.
  TaskId take_over(TaskId parent, std::uint64_t key, TaskId again);
  /// The task that runs for this one: its own, or one that a lost attempt had started.
  [[nodiscard]] TaskId running_for(TaskId task) const;
  /// The parent has ended: all children that its lost attempts had left, taken over or not.
  std::vector<TaskId> forget_left(TaskId parent);

 private:
  struct Numbers {
    std::uint32_t now = 0;
    std::uint32_t first_counted = 0;
  };
  [[nodiscard]] Numbers numbers(TaskId task) const {
    if (numbers_.empty()) return {};
    const auto found = numbers_.find(task);
    return found == numbers_.end() ? Numbers{} : found->second;
  }

  struct Left {
    std::unordered_map<std::uint64_t, TaskId> children;
    std::vector<TaskId> again;
  };

  std::unordered_map<TaskId, Numbers> numbers_;
  std::unordered_map<TaskId, Left> left_;           // by parent
  std::unordered_map<TaskId, TaskId> running_for_;  // children that were taken over
};

}  // namespace crema::head
