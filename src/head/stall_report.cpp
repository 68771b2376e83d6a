#include "head/stall_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "head/wait_graph.hpp"

namespace crema::head {
namespace {

/// Of what one piece of work waits for, and that for, and so on; and of a circle.
constexpr std::size_t max_steps = 12;

/// "1 call waits", "2 calls wait".
std::string wait(std::uint64_t count, const char* what) {
  return count == 1 ? fmt::format("1 {} waits", what) : fmt::format("{} {}s wait", count, what);
}

class Report {
 public:
  Report(const std::vector<RankStatus>& ranks, const Waits& waits) : ranks_{ranks}, waits_{waits} {
    for (std::size_t rank = 0; rank < ranks.size(); ++rank)
      if (ranks[rank].status) add(RankId{static_cast<std::int32_t>(rank)}, *ranks[rank].status);
    for (const auto& [work, actor] : rooms_)
      wait_for(work, {front(actor)}, "waits for room in the mailbox of " + waits_.actor(actor) + ", behind");
    for (const Waits::Lane& lane : waits.lanes) add(lane);
    for (const Waits::Finder& finder : waits.finders) {
      if (const auto work = work_.find({finder.rank, finder.lane}); work != work_.end())
        graph_[work->second].state = fmt::format("waits for an actor named \"{}\" to be created", finder.name);
    }
    for (const Waits::Work& work : waits.works)
      wait_for(work.id, work.values,
               work.returned ? "waits for the future it returned, that of" : "waits for its input");
    for (const Waits::PoolCall& call : waits.pool_calls) {
      WaitGraph::Node& node = graph_[call.id];
      node.name = fmt::format("{} (call {} of a pool)", waits.function(call.method), call.id.number);
      for (const TaskId running : call.running)
        node.edges.push_back({running, "waits for one of the pool, which runs"});
      node.needed = call.running.empty() ? 0 : 1;
      node.state = "waits for an idle member";
    }
    graph_.find_stuck();
  }

  std::vector<std::string> lines() {
    if (!anything_ && waits_.unplaced.empty() && waits_.ready == 0) return {};
    tell_circles();
    tell_lanes();
    tell_tasks();
    tell_actors();
    if (waits_.ready > 0) section({fmt::format("{} for room on a worker", wait(waits_.ready, "ready task"))}, "");
    return std::move(lines_);
  }

 private:
  using Place = std::pair<RankId, LaneId>;

  [[nodiscard]] std::string call_name(const wire::CallStatus& call, ActorId actor) const {
    if (call.id.number == actor.number) return fmt::format("the construction of {}", waits_.actor(actor));
    return fmt::format("{} (call {} of {})", waits_.function(call.function), call.id.number, waits_.actor(actor));
  }
  [[nodiscard]] TaskId front(ActorId actor) const {
    const auto found = fronts_.find(actor);
    return found == fronts_.end() ? TaskId{actor.number} : found->second;
  }
  void wait_for(TaskId work, const std::vector<TaskId>& values, const std::string& how) {
    anything_ = true;
    graph_.add_waits(work, values, how);
  }

  void add(RankId rank, const wire::Status& status) {
    for (const wire::LaneStatus& lane : status.lanes) {
      const bool is_driver = lane.lane == status.driver && status.driver != LaneId{};
      if (!is_driver && lane.running == TaskId{}) continue;
      if (!is_driver) anything_ = true;
      work_.emplace(Place{rank, lane.lane}, lane.running);
      WaitGraph::Node& node = graph_[lane.running];
      node.state = fmt::format("runs on rank {}", rank.number);
      if (is_driver) node.name = "the driver";
      if (lane.waiting) waiting_.emplace(Place{rank, lane.lane}, false);
      if (lane.room != ActorId{}) rooms_.emplace_back(lane.running, lane.room);
    }
    for (const wire::ActorStatus& actor : status.actors) {
      anything_ = true;
      for (const wire::CallStatus& call : actor.listed) {
        graph_[call.id].name = call_name(call, actor.actor);
        if (!fronts_.emplace(actor.actor, call.id).second) wait_for(call.id, {front(actor.actor)}, "waits behind");
      }
      for (const wire::CallStatus& call : actor.listed_outside) {
        graph_[call.id].name = call_name(call, actor.actor);
        wait_for(call.id, {front(actor.actor)}, "waits outside a full mailbox behind");
      }
    }
    const wire::HeldCall* before = nullptr;
    for (const wire::HeldCall& held : status.held) {
      graph_[held.id].name = call_name({held.id, held.method}, held.actor);
      if (held.unplaced) {
        anything_ = true;
        graph_[held.id].state = "waits for a place for its actor";
      } else if (!held.missing.empty()) {
        wait_for(held.id, held.missing, "waits for its argument");
      } else if (before != nullptr) {
        wait_for(held.id, {before->id}, "waits behind");
      }
      before = &held;
    }
    if (status.queued > 0) anything_ = true;
  }

  void add(const Waits::Lane& lane) {
    const Place place{lane.rank, lane.lane};
    const auto work = work_.find(place);
    const auto waiting = waiting_.find(place);
    if (work == work_.end() || waiting == waiting_.end()) return;
    // Who follows values may wait for another thing at the moment, which came first.
    if (lane.follows && waiting->second) return;
    waiting->second = true;
    anything_ = true;
    const bool all = lane.needed >= lane.values.size();
    const std::string how =
        lane.timed ? "waits for a limited time for"
        : all      ? "waits for"
                   : fmt::format("waits for {} of {} values, one of them", lane.needed, lane.values.size());
    WaitGraph::Node& node = graph_[work->second];
    for (const TaskId value : lane.values) node.edges.push_back({value, how});
    if (!lane.timed) node.needed += std::min(lane.needed, lane.values.size());
  }

  [[nodiscard]] std::string name(TaskId id) const {
    const WaitGraph::Node* node = graph_.find(id);
    if (node != nullptr && !node->name.empty()) return node->name;
    const Waits::Task task = waits_.task(id);
    if (task.state == Waits::Task::State::unknown) return fmt::format("value {}", id.number);
    return fmt::format("{} (task {})", task.name, id.number);
  }

  /// Of work that waits for nothing.
  [[nodiscard]] std::string state(TaskId id) const {
    if (const WaitGraph::Node* node = graph_.find(id); node != nullptr && !node->state.empty()) return node->state;
    const Waits::Task task = waits_.task(id);
    switch (task.state) {
      case Waits::Task::State::ready:
        return "waits for room on a worker";
      case Waits::Task::State::sent:
        return fmt::format("is queued on rank {}", task.worker.number);
      case Waits::Task::State::blocked:
        return "waits for inputs";
      default:
        return "no rank tells of";
    }
  }

  /// ", which waits for B, which runs on rank 2": from there to the end, or round a circle once.
  [[nodiscard]] std::string chain(TaskId id) const {
    std::string text;
    std::vector<TaskId> seen;
    for (std::size_t step = 0; step < max_steps; ++step) {
      const WaitGraph::Edge* edge = graph_.next(id);
      if (edge == nullptr) return step == 0 && state(id).starts_with("runs") ? text : text + ", which " + state(id);
      seen.push_back(id);
      const std::size_t others = graph_.find(id)->edges.size() - 1;
      text += fmt::format(", which {} {}", edge->how, name(edge->to));
      if (others > 0) text += fmt::format(" and {} more", others);
      id = edge->to;
      if (std::find(seen.begin(), seen.end(), id) != seen.end()) return text;
    }
    return text + ", and so on";
  }

  void tell_circles() {
    std::vector<std::string> circles;
    for (const std::vector<TaskId>& circle : graph_.circles()) {
      std::string text = fmt::format("a circle: {}", name(circle.front()));
      for (std::size_t i = 0; i < circle.size() && i < max_steps; ++i) {
        if (i > 0) text += ", which";
        const WaitGraph::Edge& edge = *graph_.next(circle[i]);
        text += fmt::format(" {} {}", edge.how, name(edge.to));
      }
      if (circle.size() > max_steps) text += fmt::format(", and so on over {} steps", circle.size());
      circles.push_back(text + "; none of them can go on: let one return without waiting, for example with the future");
    }
    section(std::move(circles), "circles");
  }

  void tell_lanes() {
    std::vector<std::string> lanes;
    std::vector<std::string> others;
    std::string idle;
    std::size_t rank = 0;
    for (const auto& [rank_name, status, lost] : ranks_) {
      const RankId id{static_cast<std::int32_t>(rank++)};
      if (!status) {
        others.push_back(rank_name + (lost ? " is lost" : " has not answered"));
        continue;
      }
      bool busy = false;
      for (const wire::LaneStatus& lane : status->lanes) {
        const auto work = work_.find({id, lane.lane});
        if (work == work_.end()) continue;
        busy = true;
        lanes.push_back(
            fmt::format("{}: lane {} runs {}{}", rank_name, lane.lane.number, name(work->second), chain(work->second)));
      }
      if (status->queued > 0)
        others.push_back(fmt::format("{}: {} for a lane", rank_name, wait(status->queued, "task")));
      if (!busy && status->queued == 0) idle += fmt::format("{}{}", idle.empty() ? "" : ", ", id.number);
    }
    section(std::move(lanes), "lanes");
    if (idle.size() > 200) idle = idle.substr(0, idle.rfind(',', 200)) + ", …";
    if (!idle.empty()) others.push_back("nothing runs on these ranks: " + idle);
    section(std::move(others), "ranks");
  }

  void tell_tasks() {
    std::vector<std::string> tasks;
    for (const Waits::Work& work : waits_.works) tasks.push_back(name(work.id) + chain(work.id));
    section(std::move(tasks), "tasks");
  }

  void tell_actors() {
    std::vector<std::string> actors;
    for (const auto& [rank_name, status, lost] : ranks_) {
      if (!status) continue;
      for (const wire::ActorStatus& actor : status->actors) {
        const std::uint64_t waiting = actor.calls > 0 ? actor.calls - 1 : 0;
        if (waiting + actor.outside == 0) continue;
        std::string text = fmt::format("{} on {}: {} behind {}", waits_.actor(actor.actor), rank_name,
                                       wait(waiting, "call"), name(front(actor.actor)));
        if (actor.outside > 0) text += fmt::format(", and {} outside its full mailbox", wait(actor.outside, "call"));
        actors.push_back(std::move(text));
      }
    }
    for (const auto& [actor, class_name] : waits_.unplaced)
      actors.push_back(fmt::format("{} ({}) waits for its resources on a rank", waits_.actor(actor), class_name));
    section(std::move(actors), "actors");
    std::vector<std::string> held;
    for (const auto& [rank_name, status, lost] : ranks_) {
      if (!status) continue;
      for (const wire::HeldCall& call : status->held) held.push_back(name(call.id) + chain(call.id));
    }
    section(std::move(held), "calls");
    std::vector<std::string> pooled;
    for (const Waits::PoolCall& call : waits_.pool_calls) pooled.push_back(name(call.id) + chain(call.id));
    section(std::move(pooled), "calls of pools");
  }

  void section(std::vector<std::string> lines, const std::string& what) {
    for (std::size_t i = 0; i < lines.size() && i < max_stall_lines; ++i) lines_.push_back(std::move(lines[i]));
    if (lines.size() > max_stall_lines)
      lines_.push_back(fmt::format("... and {} more {}", lines.size() - max_stall_lines, what));
  }

  const std::vector<RankStatus>& ranks_;
  const Waits& waits_;
  WaitGraph graph_;
  std::map<Place, TaskId> work_;                   // what the lanes run
  std::map<Place, bool> waiting_;                  // lanes that wait: whether it is known for what
  std::vector<std::pair<TaskId, ActorId>> rooms_;  // work that waits for room in a mailbox
  std::unordered_map<ActorId, TaskId> fronts_;     // the calls that run
  std::vector<std::string> lines_;
  bool anything_ = false;
};

}  // namespace

std::vector<std::string> stall_report(const std::vector<RankStatus>& ranks, const Waits& waits) {
  return Report{ranks, waits}.lines();
}

bool nothing_goes_on(const std::vector<RankStatus>& ranks, const Waits& waits) {
  const auto runs = [](const wire::Status& status) {
    return std::any_of(status.lanes.begin(), status.lanes.end(), [&](const wire::LaneStatus& lane) {
      return !lane.waiting && (lane.running != TaskId{} || lane.lane == status.driver);
    });
  };
  const bool still = std::all_of(ranks.begin(), ranks.end(), [&](const RankStatus& rank) {
    if (!rank.status) return rank.lost;
    return rank.status->queued == 0 && rank.status->actors.empty() && rank.status->held.empty() && !runs(*rank.status);
  });
  const bool timed = std::any_of(waits.lanes.begin(), waits.lanes.end(), [](const auto& lane) { return lane.timed; });
  return still && !timed && waits.finders.empty() && waits.pool_calls.empty() && waits.unplaced.empty() &&
         waits.ready == 0;
}

}  // namespace crema::head
