#include "head/attempts.hpp"

namespace crema::head {

TaskId Attempts::take_over(TaskId parent, std::uint64_t key, TaskId again) {
  if (left_.empty()) return {};
  const auto left = left_.find(parent);
  if (left == left_.end()) return {};
  const auto child = left->second.children.find(key);
  if (child == left->second.children.end()) return {};
  left->second.again.push_back(again);
  running_for_.emplace(again, child->second);
  return child->second;
}

TaskId Attempts::running_for(TaskId task) const {
  if (running_for_.empty()) return task;
  // An attempt after the next may have taken it over once more.
  for (auto child = running_for_.find(task); child != running_for_.end(); child = running_for_.find(task))
    task = child->second;
  return task;
}

std::vector<TaskId> Attempts::forget_left(TaskId parent) {
  std::vector<TaskId> children;
  if (left_.empty()) return children;
  const auto node = left_.extract(parent);
  if (node.empty()) return children;
  for (const auto& [key, child] : node.mapped().children) children.push_back(child);
  for (const TaskId again : node.mapped().again) running_for_.erase(again);
  return children;
}

}  // namespace crema::head
