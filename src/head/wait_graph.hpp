#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "crema/ids.hpp"

namespace crema::head {

/// Work (tasks, calls, the driver, whose id is zero) and what it waits for.
class WaitGraph {
 public:
  struct Edge {
    TaskId to;
    std::string how;  ///< "waits for"
  };
  struct Node {
    std::string name{};
    std::string state{};  ///< of work that waits for nothing: "runs on rank 2"
    std::vector<Edge> edges{};
    std::size_t needed = 0;  ///< it goes on when so many of the edges' ends have ended
  };

  Node& operator[](TaskId id) { return nodes_[id]; }
  /// nullptr: nobody has told of it.
  [[nodiscard]] const Node* find(TaskId id) const;
  /// It waits for all of these besides what it waits for already.
  void add_waits(TaskId id, const std::vector<TaskId>& for_all_of, const std::string& how);

  /// Marks what can never go on. Call once, when all is added.
  void find_stuck();
  [[nodiscard]] bool stuck(TaskId id) const { return stuck_.contains(id); }
  /// Each circle of work that can never go on, once; a circle begins with its lowest id. Of work that waits for
  /// several, one that is stuck is followed.
  [[nodiscard]] std::vector<std::vector<TaskId>> circles() const;
  /// What to follow from there: an edge to stuck work where there is one. nullptr: it waits for nothing.
  [[nodiscard]] const Edge* next(TaskId id) const;

 private:
  std::unordered_map<TaskId, Node> nodes_;
  std::unordered_set<TaskId> stuck_;
};

}  // namespace crema::head
