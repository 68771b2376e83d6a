#include "head/actor_snapshots.hpp"

#include <algorithm>
#include <utility>

namespace crema::head {

std::uint64_t ActorSnapshots::next_place(ActorId actor) {
  const auto found = actors_.find(actor);
  return found == actors_.end() ? 0 : ++found->second.given;
}

void ActorSnapshots::ended(ActorId actor, std::uint64_t place) {
  const auto found = actors_.find(actor);
  if (found == actors_.end()) return;
  Actor& followed = found->second;
  followed.more.insert(place);
  while (!followed.more.empty() && *followed.more.begin() <= followed.ended + 1) {
    followed.ended = std::max(followed.ended, *followed.more.begin());
    followed.more.erase(followed.more.begin());
  }
  keep_if_complete(followed);
}

void ActorSnapshots::ended(TaskId call, bool is_kept) {
  const auto node = ending_.extract(call);
  if (node.empty()) return;
  const Place place = node.mapped();
  if (const auto actor = actors_.find(place.actor); !is_kept && actor != actors_.end()) {
    actor->second.complete = false;
    actor->second.waiting.reset();
  }
  ended(place.actor, place.number);
}

void ActorSnapshots::on_snapshot(wire::Snapshot snapshot) {
  const auto found = actors_.find(snapshot.actor);
  if (found == actors_.end() || !found->second.complete) return;
  snapshot.state = snapshot.state.compact();
  found->second.waiting = std::move(snapshot);
  keep_if_complete(found->second);
}

void ActorSnapshots::keep_if_complete(Actor& actor) {
  if (!actor.waiting || actor.waiting->place > actor.ended) return;
  keep_(*actor.waiting);
  actor.waiting.reset();
}

}  // namespace crema::head
