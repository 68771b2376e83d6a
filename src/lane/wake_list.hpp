#pragma once

#include <vector>

#include "lane/lane.hpp"

namespace crema::lane {

/// The lanes that were given something in this turn of the loop, to be woken once at its end.
class WakeList {
 public:
  void add(Lane& lane) {
    if (lanes_.empty() || lanes_.back() != &lane) lanes_.push_back(&lane);
  }
  /// Of a lane that goes.
  void remove(const Lane& lane) { std::erase(lanes_, &lane); }
  void wake_all() {
    for (Lane* lane : lanes_) lane->wake();
    lanes_.clear();
  }

 private:
  std::vector<Lane*> lanes_;
};

}  // namespace crema::lane
