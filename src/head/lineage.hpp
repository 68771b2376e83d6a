#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

namespace crema::head {

/// How large results are made again that went with their rank: the task that made each, and the tasks that made what it
/// needs. A recipe is kept as long as its result, or one that was made from it, is held. Used on the event loop's
/// thread.
class Lineage {
 public:
  /// Bytes of recipes. What is made beyond is not made again when it is lost.
  static constexpr std::size_t max_bytes = std::size_t{256} << 20;

  /// `recipe`: the encoded task, which needs these values. Does nothing where it is known already.
  void add(TaskId result, const Bytes& recipe, std::vector<TaskId> needs);
  /// Whether a recipe of so many bytes would be kept.
  [[nodiscard]] bool has_room(std::size_t bytes) const { return bytes_ + bytes <= max_bytes; }
  /// nullptr: there is none.
  [[nodiscard]] const Bytes* recipe(TaskId result) const;
  /// Whether a recipe needs the value.
  [[nodiscard]] bool needs(TaskId value) const { return !needed_.empty() && needed_.contains(value); }
  /// Nobody holds the result any more: values that no recipe needs from now on.
  std::vector<TaskId> remove(TaskId result);
  [[nodiscard]] std::size_t size() const { return made_.size(); }

 private:
  struct Made {
    Bytes recipe;
    std::vector<TaskId> needs;
  };

  std::unordered_map<TaskId, Made> made_;
  std::unordered_map<TaskId, std::uint32_t> needed_;  // by how many recipes
  std::size_t bytes_ = 0;
};

}  // namespace crema::head
