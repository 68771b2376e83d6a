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
TaskKey ThisTask::key() const { return LaneContext::current().running().key; }
std::uint32_t ThisTask::attempt() const { return LaneContext::current().running().attempt; }
Random& ThisTask::rng() const { return LaneContext::current().random(); }
Random ThisTask::rng(std::uint64_t k) const {
  const LaneContext& lane = LaneContext::current();
  return Random{lane.seed(), lane.running().key, k + 1};  // 0 is rng()'s
}
const std::vector<std::string>& ThisTask::gpus() const { return LaneContext::current().gpus(); }
RankId ThisTask::rank() const { return LaneContext::current().rank(); }
bool ThisTask::cancelled() const { return LaneContext::current().cancelled(); }
bool ThisTask::stopping() const { return LaneContext::current().stopping(); }
const std::string& ThisTask::host() const { return LaneContext::current().host(); }

}  // namespace crema
