#include "head/lineage.hpp"

#include <utility>

namespace crema::head {

void Lineage::add(TaskId result, const Bytes& recipe, std::vector<TaskId> needs) {
  if (made_.contains(result) || !has_room(recipe.size())) return;
  bytes_ += recipe.size();
  for (const TaskId value : needs) ++needed_[value];
  made_.emplace(result, Made{recipe.compact(), std::move(needs)});
}

const Bytes* Lineage::recipe(TaskId result) const {
  const auto made = made_.find(result);
  return made == made_.end() ? nullptr : &made->second.recipe;
}

std::vector<TaskId> Lineage::remove(TaskId result) {
  std::vector<TaskId> unneeded;
  if (made_.empty()) return unneeded;
  const auto node = made_.extract(result);
  if (node.empty()) return unneeded;
  bytes_ -= node.mapped().recipe.size();
  for (const TaskId value : node.mapped().needs) {
    const auto needed = needed_.find(value);
    if (--needed->second > 0) continue;
    needed_.erase(needed);
    unneeded.push_back(value);
  }
  return unneeded;
}

}  // namespace crema::head
