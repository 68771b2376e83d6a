#include "head/actor_directory.hpp"

#include <algorithm>

#include "crema/errors.hpp"

namespace crema::head {

RankId ActorDirectory::add(const wire::ActorSpec& actor) {
  if (!actor.name.empty() && !names_.emplace(actor.name, actor.id).second) {
    throw UsageError{"creating an actor named \"" + actor.name + "\" (" + actor.class_name +
                     "): the name is taken by another actor of this run; choose another, or use find_actor"};
  }
  const RankId host =
      *std::min_element(hosts_.begin(), hosts_.end(), [&](RankId a, RankId b) { return load_[a] < load_[b]; });
  ++load_[host];
  actors_.emplace(actor.id, Entry{.class_name = actor.class_name,
                                  .name = actor.name,
                                  .rank = host,
                                  .max_pending_calls = actor.max_pending_calls});
  return host;
}

ActorId ActorDirectory::find(const std::string& name, const std::string& class_name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    throw UsageError{
        "finding an actor named \"" + name +
        "\": no actor of that name has been created; create it with with(ActorOptions{.name = ...}) first"};
  }
  const Entry& entry = actors_.at(found->second);
  if (entry.class_name != class_name) {
    throw UsageError{"finding an actor named \"" + name + "\" of class " + class_name + ": it is of class " +
                     entry.class_name};
  }
  return found->second;
}

void ActorDirectory::free_name(ActorId id) {
  const auto name = names_.find(actors_.at(id).name);
  if (name != names_.end() && name->second == id) names_.erase(name);
}

const ActorDirectory::Entry* ActorDirectory::entry(ActorId id) const {
  const auto found = actors_.find(id);
  return found == actors_.end() ? nullptr : &found->second;
}

void ActorDirectory::count_call(const wire::Outcome& outcome) {
  const double seconds = static_cast<double>(outcome.finished - outcome.started) * 1e-9;
  Entry& entry = actors_.at(outcome.actor);
  entry.busy_seconds += seconds;
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
