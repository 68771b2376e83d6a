#include "head/lineage.hpp"

#include <utility>

namespace crema::head {

/// nullptr: there is no room for it.
Lineage::Made* Lineage::keep(TaskId task, const Bytes& recipe, std::vector<TaskId> needs) {
  if (const auto known = made_.find(task); known != made_.end()) return &known->second;
  if (!has_room(recipe.size())) return nullptr;
  bytes_ += recipe.size();
  for (const TaskId value : needs) ++needed_[value];
  return &made_.emplace(task, Made{recipe.compact(), std::move(needs)}).first->second;
}

void Lineage::add(TaskId result, const Bytes& recipe, std::vector<TaskId> needs) {
  if (Made* made = keep(result, recipe, std::move(needs))) made->result = true;
}

void Lineage::add_stored(Named<TaskId> value, TaskId task, const Bytes& recipe, std::vector<TaskId> needs) {
  if (maker(value.id) != TaskId{}) return;
  Made* made = keep(task, recipe, std::move(needs));
  if (made == nullptr) return;
  made->stored.push_back(value);
  stored_by_.emplace(value.id, task);
}

const Bytes* Lineage::recipe(TaskId task) const {
  const auto made = made_.find(task);
  return made == made_.end() ? nullptr : &made->second.recipe;
}

TaskId Lineage::maker(TaskId value) const {
  if (const auto stored = stored_by_.find(value); stored != stored_by_.end()) return stored->second;
  return made_.contains(value) ? value : TaskId{};
}

std::vector<TaskId> Lineage::needs_of(TaskId task) const {
  const auto made = made_.find(task);
  return made == made_.end() ? std::vector<TaskId>{} : made->second.needs;
}

std::vector<Named<TaskId>> Lineage::stored_by(TaskId task) const {
  const auto made = made_.find(task);
  return made == made_.end() ? std::vector<Named<TaskId>>{} : made->second.stored;
}

std::vector<TaskId> Lineage::remove(TaskId value) {
  std::vector<TaskId> unneeded;
  if (made_.empty()) return unneeded;
  if (const auto stored = stored_by_.extract(value); !stored.empty()) {
    const TaskId task = stored.mapped();
    Made& made = made_.at(task);
    std::erase_if(made.stored, [value](const Named<TaskId>& other) { return other.id == value; });
    if (!made.stored.empty()) return unneeded;
    if (!made.result) drop(task, unneeded);
    unneeded.push_back(task);
  } else {
    drop(value, unneeded);
  }
  return unneeded;
}

void Lineage::drop(TaskId task, std::vector<TaskId>& unneeded) {
  const auto node = made_.extract(task);
  if (node.empty()) return;
  bytes_ -= node.mapped().recipe.size();
  for (const TaskId value : node.mapped().needs) {
    const auto needed = needed_.find(value);
    if (--needed->second > 0) continue;
    needed_.erase(needed);
    unneeded.push_back(value);
  }
}

}  // namespace crema::head
