#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

namespace crema::head {

/// How large values are made again that went with their rank: the task that made each, and the tasks that made what it
/// needs. A value that a task has stored while it ran comes from running that task again, which stores it once more. A
/// recipe is kept as long as what it makes, or what was made from that, is held. Used on the event loop's thread.
class Lineage {
 public:
  /// Bytes of recipes. What is made beyond is not made again when it is lost.
  static constexpr std::size_t max_bytes = std::size_t{256} << 20;

  /// `recipe`: the encoded task, which needs these values. Does nothing where it is known already.
  void add(TaskId result, const Bytes& recipe, std::vector<TaskId> needs);
  /// The task has stored the value. `recipe`, `needs`: of the task, as for add.
  void add_stored(Named<TaskId> value, TaskId task, const Bytes& recipe, std::vector<TaskId> needs);
  /// Whether a recipe of so many bytes would be kept.
  [[nodiscard]] bool has_room(std::size_t bytes) const { return bytes_ + bytes <= max_bytes; }
  /// Of the task; nullptr: there is none.
  [[nodiscard]] const Bytes* recipe(TaskId task) const;
  /// The task whose running makes the value: itself, or the one that has stored it. Zero: nothing is known.
  [[nodiscard]] TaskId maker(TaskId value) const;
  /// Whether a recipe needs the value.
  [[nodiscard]] bool needs(TaskId value) const { return !needed_.empty() && needed_.contains(value); }
  /// What that task needs.
  [[nodiscard]] std::vector<TaskId> needs_of(TaskId task) const;
  /// What the task has stored and somebody still holds.
  [[nodiscard]] std::vector<Named<TaskId>> stored_by(TaskId task) const;
  [[nodiscard]] bool has_stored(TaskId task) const {
    const auto made = made_.find(task);
    return made != made_.end() && !made->second.stored.empty();
  }
  /// Nobody holds the value any more: values that no recipe needs from now on, and a task whose recipe is not needed.
  std::vector<TaskId> remove(TaskId value);
  [[nodiscard]] std::size_t size() const { return made_.size(); }

 private:
  struct Made {
    Bytes recipe;
    std::vector<TaskId> needs;
    std::vector<Named<TaskId>> stored{};
    bool result = false;  ///< it makes the task's own value as well
  };

  Made* keep(TaskId task, const Bytes& recipe, std::vector<TaskId> needs);
  void drop(TaskId task, std::vector<TaskId>& unneeded);

  std::unordered_map<TaskId, Made> made_;
  std::unordered_map<TaskId, TaskId> stored_by_;      // by value: the task
  std::unordered_map<TaskId, std::uint32_t> needed_;  // by how many recipes
  std::size_t bytes_ = 0;
};

}  // namespace crema::head
