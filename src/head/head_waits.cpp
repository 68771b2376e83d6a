// What the head tells of itself: of the cluster, and of who waits for what.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "crema/registry.hpp"
#include "head/head.hpp"

namespace crema::head {

wire::Reply Head::describe_cluster() const {
  ByteBuffer answer;
  answer.put<std::int32_t>(layout_.nodes);
  answer.put<std::int32_t>(layout_.ranks - ranks_lost_);
  answer.put(static_cast<std::int32_t>(workers_.size()));
  std::int32_t lanes = 0;
  for (const RankId worker : workers_) lanes += offer_of(worker).lanes;
  answer.put(lanes);
  wire::write_resources(answer, dispatcher_.total());
  wire::write_resources(answer, dispatcher_.free());
  return {{}, Bytes{std::move(answer)}};
}

std::uint64_t Head::open_calls() const {
  std::uint64_t calls = repeats_.size();
  if (rebuilding_.phase != Rebuilding::Phase::idle || !rebuilding_.lost.empty() || storing_ > 0) return 0;
  for (const auto& [caller, open] : open_calls_)
    if (open > 0) calls += static_cast<std::uint64_t>(open);
  return calls;
}

Waits Head::waits() {
  Waits waits;
  std::map<std::pair<RankId, LaneId>, Waits::Lane> gets;
  entries_.for_each([&](std::uint64_t id, const Entry& entry) {
    for (const Waiter& waiter : entry.waiters) {
      if (waiter.lane == LaneId{}) continue;  // a rank's router, which tells of its calls itself
      if (holds_.is_lost(global_lane(waiter.rank, waiter.lane))) continue;
      Waits::Lane& lane =
          gets.try_emplace({waiter.rank, waiter.lane}, Waits::Lane{waiter.rank, waiter.lane}).first->second;
      if (lane.values.size() < max_waits) lane.values.push_back(TaskId{id});
    }
  });
  for (auto& [place, lane] : gets) {
    lane.needed = lane.values.size();
    waits.lanes.push_back(std::move(lane));
  }
  watches_.describe(waits);
  actors_.describe(waits);

  std::map<TaskId, Waits::Work> works;
  for (const auto& [value, dependents] : dependents_) {
    for (const Dependent dependent : dependents) {
      if (!dependent.forwards && !blocked_.contains(dependent.id)) continue;
      if (works.size() >= max_waits && !works.contains(dependent.id)) continue;
      Waits::Work& work = works.try_emplace(dependent.id, Waits::Work{dependent.id}).first->second;
      work.values.push_back(value);
      work.returned = dependent.forwards;
    }
  }
  for (auto& [id, work] : works) waits.works.push_back(std::move(work));

  waits.ready = dispatcher_.ready();
  waits.task = [this](TaskId id) -> Waits::Task {
    const Entry* entry = entries_.find(id.number);
    if (entry == nullptr) return {};
    switch (entry->state) {
      case Entry::State::waiting:
        return {Waits::Task::State::blocked, recorder_.text(entry->name)};
      case Entry::State::ready:
        return {Waits::Task::State::ready, recorder_.text(entry->name)};
      case Entry::State::sent:
      case Entry::State::ended:
        return {Waits::Task::State::sent, recorder_.text(entry->name), entry->worker};
      default:
        return {};
    }
  };
  waits.actor = [this](ActorId id) {
    const ActorDirectory::Entry* actor = actors_.directory().entry(id);
    return actor != nullptr && !actor->name.empty() ? fmt::format("actor \"{}\"", actor->name)
                                                    : fmt::format("actor {}", id.number);
  };
  waits.function = [](FunctionId function) { return FunctionRegistry::at(function).name; };
  return waits;
}

}  // namespace crema::head
