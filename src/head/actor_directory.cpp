#include "head/actor_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crema/errors.hpp"

namespace crema::head {

void ActorDirectory::add_host(RankId rank, const Offer& offer) {
  hosts_.push_back({rank, pool_.add_seat(rank, offer)});
}

bool ActorDirectory::hosts_actors(RankId rank) const {
  return std::any_of(actors_.begin(), actors_.end(), [&](const auto& actor) { return actor.second.rank == rank; });
}

std::string ActorDirectory::refusal(const wire::ActorSpec& actor) const {
  const Resources wanted = actor.occupation ? actor.occupation->resources : Resources{.cpus = 0};
  std::vector<ResourcePool::Seat> seats;
  for (const Host& host : hosts_) seats.push_back(host.seat);
  const bool possible =
      std::any_of(seats.begin(), seats.end(), [&](ResourcePool::Seat seat) { return pool_.could_hold(seat, wanted); });
  return possible ? "" : pool_.refusal(wanted, seats);
}

void ActorDirectory::add(const wire::ActorSpec& actor) {
  if (hosts_.empty()) throw Error{"creating an actor (" + actor.class_name + "): all ranks that hold actors were lost"};
  if (const std::string why = refusal(actor); !why.empty())
    throw UsageError{"creating an actor (" + actor.class_name + "): " + why};
  if (!actor.name.empty() && !names_.emplace(actor.name, actor.id).second) {
    throw UsageError{"creating an actor named \"" + actor.name + "\" (" + actor.class_name +
                     "): the name is taken by another actor of this run; choose another, or use find_actor"};
  }
  actors_.emplace(actor.id, Entry{.class_name = actor.class_name,
                                  .name = actor.name,
                                  .max_pending_calls = actor.max_pending_calls,
                                  .durable = actor.durable,
                                  .restarts = actor.restarts});
}

bool ActorDirectory::place(wire::ActorSpec& actor) {
  Host* best = nullptr;
  for (Host& host : hosts_) {
    const bool room = !actor.occupation || (pool_.could_hold(host.seat, actor.occupation->resources) &&
                                            pool_.fits(host.seat, actor.occupation->resources));
    if (room && (best == nullptr || host.actors < best->actors)) best = &host;
  }
  if (best == nullptr) return false;
  ++best->actors;
  Entry& entry = actors_.at(actor.id);
  entry.rank = best->rank;
  if (actor.occupation) {
    entry.grant = pool_.take(best->seat, actor.occupation->resources);
    actor.occupation->gpus = pool_.names(*entry.grant);
  }
  return true;
}

void ActorDirectory::place_anywhere(ActorId id) { actors_.at(id).rank = hosts_.front().rank; }

void ActorDirectory::lose(ActorId id, bool rank_lost) {
  Entry& entry = actors_.at(id);
  if (entry.restarts > 0) --entry.restarts;
  if (!rank_lost) return;
  entry.rank = RankId{-1};
  entry.grant.reset();  // of a rank that is no more
}

void ActorDirectory::give_up(ActorId id) {
  Entry& entry = actors_.at(id);
  entry.gone = true;
  free_name(id, entry);
  entry.grant.reset();
  place_anywhere(id);
}

std::size_t ActorDirectory::gone() const {
  return static_cast<std::size_t>(std::count_if(
      actors_.begin(), actors_.end(), [](const auto& actor) { return actor.second.gone && !actor.second.killed; }));
}

void ActorDirectory::name_devices(wire::ActorSpec& actor) const {
  const Entry& entry = actors_.at(actor.id);
  if (actor.occupation && entry.grant) actor.occupation->gpus = pool_.names(*entry.grant);
}

void ActorDirectory::remove(ActorId id) {
  Entry& entry = actors_.at(id);
  entry.killed = true;
  free_name(id, entry);
  if (entry.grant) pool_.give_back(*std::exchange(entry.grant, std::nullopt));
}

void ActorDirectory::free_name(ActorId id, const Entry& entry) {
  const auto name = names_.find(entry.name);
  if (name != names_.end() && name->second == id) names_.erase(name);
}

ActorId ActorDirectory::find(const std::string& name, const std::string& class_name, double waited) const {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    throw UsageError{
        fmt::format("finding an actor named \"{}\": no actor of that name has been created{}; create it with "
                    "with(ActorOptions{{.name = ...}}) first",
                    name, waited > 0 ? fmt::format(" in the {:g} s that were waited", waited) : "")};
  }
  const Entry& entry = actors_.at(found->second);
  if (entry.class_name != class_name) {
    throw UsageError{"finding an actor named \"" + name + "\" of class " + class_name + ": it is of class " +
                     entry.class_name};
  }
  return found->second;
}

const ActorDirectory::Entry* ActorDirectory::entry(ActorId id) const {
  const auto found = actors_.find(id);
  return found == actors_.end() ? nullptr : &found->second;
}

void ActorDirectory::count_call(const wire::Outcome& outcome) {
  const double seconds = static_cast<double>(outcome.finished - outcome.started) * 1e-9;
  Entry& entry = actors_.at(outcome.actor);
  entry.busy_seconds += seconds;
  if (entry.grant) pool_.count_use(entry.grant->seat, entry.grant->resources, seconds);
  if (outcome.work != wire::Outcome::Work::call) return;
  ++entry.calls;
  Method& method = entry.methods[outcome.function];
  ++method.count;
  method.total_seconds += seconds;
  method.max_seconds = std::max(method.max_seconds, seconds);
}

std::vector<RankId> ActorDirectory::take_waiting(ActorId id) {
  auto node = waiting_.extract(id);
  return node.empty() ? std::vector<RankId>{} : std::move(node.mapped());
}

}  // namespace crema::head
