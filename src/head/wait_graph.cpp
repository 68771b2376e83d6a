#include "head/wait_graph.hpp"

#include <algorithm>
#include <utility>

namespace crema::head {

const WaitGraph::Node* WaitGraph::find(TaskId id) const {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : &found->second;
}

void WaitGraph::add_waits(TaskId id, const std::vector<TaskId>& for_all_of, const std::string& how) {
  Node& node = nodes_[id];
  for (const TaskId to : for_all_of) node.edges.push_back({to, how});
  node.needed += for_all_of.size();
}

// What runs can end; so can what waits for enough of what can end. The rest is stuck.
void WaitGraph::find_stuck() {
  std::unordered_map<TaskId, std::size_t> missing;
  std::unordered_map<TaskId, std::vector<TaskId>> waiters;
  std::vector<TaskId> can_end;
  for (const auto& [id, node] : nodes_) {
    for (const Edge& edge : node.edges) {
      waiters[edge.to].push_back(id);
      if (!nodes_.contains(edge.to)) can_end.push_back(edge.to);
    }
    missing[id] = node.needed;
    if (node.needed == 0) can_end.push_back(id);
  }
  std::sort(can_end.begin(), can_end.end());
  can_end.erase(std::unique(can_end.begin(), can_end.end()), can_end.end());
  while (!can_end.empty()) {
    const TaskId id = can_end.back();
    can_end.pop_back();
    for (const TaskId waiter : waiters[id])
      if (missing[waiter] > 0 && --missing[waiter] == 0) can_end.push_back(waiter);
  }
  for (const auto& [id, count] : missing)
    if (count > 0) stuck_.insert(id);
}

const WaitGraph::Edge* WaitGraph::next(TaskId id) const {
  const Node* node = find(id);
  if (node == nullptr || node->edges.empty()) return nullptr;
  const auto edge = std::find_if(node->edges.begin(), node->edges.end(), [&](const Edge& to) { return stuck(to.to); });
  return edge == node->edges.end() ? &node->edges.front() : &*edge;
}

std::vector<std::vector<TaskId>> WaitGraph::circles() const {
  std::vector<std::vector<TaskId>> circles;
  std::vector<TaskId> starts{stuck_.begin(), stuck_.end()};
  std::sort(starts.begin(), starts.end());
  std::unordered_map<TaskId, std::size_t> walk_of;
  for (std::size_t walk = 0; walk < starts.size(); ++walk) {
    std::vector<TaskId> path;
    TaskId id = starts[walk];
    while (walk_of.emplace(id, walk).second) {
      path.push_back(id);
      id = next(id)->to;
    }
    if (walk_of.at(id) != walk) continue;
    std::vector<TaskId> circle{std::find(path.begin(), path.end(), id), path.end()};
    std::rotate(circle.begin(), std::min_element(circle.begin(), circle.end()), circle.end());
    circles.push_back(std::move(circle));
  }
  return circles;
}

}  // namespace crema::head
