#pragma once

#include "lane/lane.hpp"
#include "wire/status.hpp"

namespace crema::lane {

inline wire::LaneStatus status_of(const Lane& lane) {
  return {lane.id(), lane.running(), lane.waiting(), lane.waiting_for_room()};
}

}  // namespace crema::lane
