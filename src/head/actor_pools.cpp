#include "head/actor_pools.hpp"

#include <algorithm>

#include "crema/errors.hpp"

namespace crema::head {

void ActorPools::add(const wire::Pool& pool) {
  Members members{pool.members, pool.members, {}};
  std::reverse(members.idle.begin(), members.idle.end());  // the first is taken first
  if (!are_all_gone(members)) std::erase_if(members.idle, [&](ActorId member) { return gone_.contains(member); });
  pools_.emplace(pool.id, std::move(members));
}

std::optional<ActorPools::Assignment> ActorPools::on_call(wire::CallSpec call, std::uint32_t attempt) {
  const ActorId pool = call.actor;
  const auto found = pools_.find(pool);
  if (found == pools_.end())
    throw Error{"calling an actor pool: pool " + std::to_string(pool.number) + " has not been created"};
  call.arguments.bytes = call.arguments.bytes.compact();
  found->second.waiting.push_back({std::move(call), attempt});
  return assign(pool);
}

std::optional<ActorPools::Assignment> ActorPools::on_ended(TaskId call) {
  if (running_.empty()) return std::nullopt;
  const auto node = running_.extract(call);
  if (node.empty()) return std::nullopt;
  Members& members = pools_.at(node.mapped().pool);
  if (!gone_.contains(node.mapped().member) || are_all_gone(members)) members.idle.push_back(node.mapped().member);
  return assign(node.mapped().pool);
}

std::vector<ActorPools::Assignment> ActorPools::give_up(ActorId member) {
  gone_.insert(member);
  std::vector<Assignment> assignments;
  for (auto& [pool, members] : pools_) {
    if (std::find(members.all.begin(), members.all.end(), member) == members.all.end()) continue;
    std::erase(members.idle, member);
    if (!are_all_gone(members)) continue;
    // Somebody has to answer what waits.
    members.idle.push_back(member);
    while (auto next = assign(pool)) assignments.push_back(std::move(*next));
  }
  return assignments;
}

bool ActorPools::are_all_gone(const Members& members) const {
  return std::all_of(members.all.begin(), members.all.end(), [&](ActorId member) { return gone_.contains(member); });
}

void ActorPools::describe(Waits& waits) const {
  for (const auto& [id, members] : pools_) {
    std::vector<TaskId> running;
    for (const auto& [call, place] : running_)
      if (place.pool == id) running.push_back(call);
    std::sort(running.begin(), running.end());
    for (const auto& [call, attempt] : members.waiting) {
      if (waits.pool_calls.size() == max_waits) return;
      waits.pool_calls.push_back({call.id, call.method, running});
    }
  }
}

std::optional<ActorPools::Assignment> ActorPools::assign(ActorId pool) {
  Members& members = pools_.at(pool);
  if (members.idle.empty() || members.waiting.empty()) return std::nullopt;
  Waiting& next = members.waiting.front();
  Assignment assignment{std::move(next.call), next.attempt, members.idle.back()};
  members.waiting.pop_front();
  members.idle.pop_back();
  assignment.call.actor = assignment.member;
  running_.emplace(assignment.call.id, Running{pool, assignment.member});
  return assignment;
}

}  // namespace crema::head
