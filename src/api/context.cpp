#include "crema/cluster.hpp"
#include "crema/lane_context.hpp"
#include "crema/this_task.hpp"

namespace crema {

Cluster cluster() { return LaneContext::current().cluster(); }

ThisTask this_task() {
  static_cast<void>(LaneContext::current());
  return {};
}

TaskId ThisTask::id() const { return LaneContext::current().running().id; }
std::uint32_t ThisTask::attempt() const { return LaneContext::current().running().attempt; }
RankId ThisTask::rank() const { return LaneContext::current().rank(); }
bool ThisTask::cancelled() const { return LaneContext::current().cancelled(); }
const std::string& ThisTask::host() const { return LaneContext::current().host(); }

}  // namespace crema
