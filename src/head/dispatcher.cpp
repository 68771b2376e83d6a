#include "head/dispatcher.hpp"

#include <algorithm>
#include <utility>

namespace crema::head {
namespace {

/// The mean follows the last few dozen outcomes, so a function whose times change is soon known again.
constexpr std::uint32_t mean_memory = 32;

const Resources usual;

constexpr std::uint32_t no_worker = UINT32_MAX;

/// Tasks behind the front among which one is looked for that suits the free worker better.
constexpr std::size_t looked_through = 32;

/// What is done before it could have gone elsewhere stays where it is.
constexpr double short_queue_nanoseconds = 2'000'000;

/// Fractions are added up: three thirds are one.
constexpr double cpu_tolerance = 1e-9;

/// Levels below are of workers with a free slot.
constexpr std::uint32_t first_level_ahead = WorkerLevels::levels / 2;
constexpr std::uint32_t levels_ahead = WorkerLevels::levels - first_level_ahead;

}  // namespace

void Dispatcher::add_worker(RankId rank, const Offer& offer) {
  const auto place = static_cast<std::size_t>(rank.number);
  if (place >= places_.size()) places_.resize(place + 1, no_worker);
  places_[place] = static_cast<std::uint32_t>(workers_.size());
  workers_.push_back({.rank = rank, .seat = pool_.add_seat(rank, offer)});
  seats_.push_back(workers_.back().seat);
  levels_.add_worker();
}

std::uint32_t Dispatcher::worker_of(RankId rank) const {
  const auto place = static_cast<std::size_t>(rank.number);
  if (place >= places_.size() || places_[place] == no_worker)
    throw Error{"dispatching tasks: rank " + std::to_string(rank.number) + " is no worker"};
  return places_[place];
}

void Dispatcher::on_pull(RankId rank, const wire::Pull& pull) {
  const std::uint32_t place = worker_of(rank);
  Worker& worker = workers_[place];
  worker.lanes = pull.slots;
  worker.parked = pull.parked;
  worker.parked_with_resources = pull.parked_with_resources;
  worker.parked_cpus = pull.parked_cpus;
  worker.deeper_than = pull.deeper_than;
  if (pull.deeper_than > 0) {
    for_deeper_.insert(place);
    for (Group& group : groups_)
      if (group.reserved == place) release(group);
  } else if (!for_deeper_.empty()) {
    for_deeper_.erase(place);
  }
  changed(place);
}

void Dispatcher::ended(RankId rank, TaskId id, FunctionId function, Load load, std::int64_t nanoseconds) {
  const std::uint32_t place = worker_of(rank);
  ++workers_[place].ends;
  if (const auto grant = grants_.empty() ? grants_.end() : grants_.find(id); grant != grants_.end()) {
    pool_.count_use(workers_[place].seat, grant->second.resources, static_cast<double>(nanoseconds) * 1e-9);
    pool_.give_back(grant->second);
    grants_.erase(grant);
    --workers_[place].with_resources;
    changed(place);
  } else {
    pool_.count_use(workers_[place].seat, usual, static_cast<double>(nanoseconds) * 1e-9);
    came_back(rank, load);
  }
  if (function.number >= durations_.size()) durations_.resize(function.number + 1);
  Duration& duration = durations_[function.number];
  duration.count = std::min(duration.count + 1, mean_memory);
  duration.mean += (static_cast<double>(nanoseconds) - duration.mean) / duration.count;
}

void Dispatcher::came_back(RankId rank, Load load) {
  const std::uint32_t place = worker_of(rank);
  Worker& worker = workers_[place];
  --worker.outstanding;
  worker.nanoseconds = worker.outstanding == 0 ? 0 : worker.nanoseconds - load.nanoseconds;
  worker.bytes -= load.bytes;
  changed(place);
}

void Dispatcher::take_back(RankId rank, TaskId id, Load load) {
  const auto grant = grants_.empty() ? grants_.end() : grants_.find(id);
  if (grant == grants_.end()) return came_back(rank, load);
  const std::uint32_t place = worker_of(rank);
  pool_.give_back(grant->second);
  grants_.erase(grant);
  --workers_[place].with_resources;
  changed(place);
}

void Dispatcher::remove_worker(RankId rank) {
  const std::uint32_t place = worker_of(rank);
  Worker& worker = workers_[place];
  for (Group& group : groups_)
    if (group.reserved == place) release(group);
  std::erase_if(grants_, [&](const auto& grant) {
    if (grant.second.seat != worker.seat) return false;
    pool_.give_back(grant.second);
    return true;
  });
  std::erase(seats_, worker.seat);
  for_deeper_.erase(place);
  worker = {.rank = rank,
            .seat = worker.seat,
            .gone = true,
            .running = worker.running,
            .idle = worker.idle,
            .queued = worker.queued};
  changed(place);
  places_[static_cast<std::size_t>(rank.number)] = no_worker;
}

std::vector<Dispatcher::Ready> Dispatcher::take_impossible() {
  std::vector<Ready> impossible;
  for (Group& group : groups_) {
    if (refusal(group.wanted).empty()) continue;
    drop_withdrawn(group.queue);
    for (; !group.queue.empty(); drop_withdrawn(group.queue)) impossible.push_back(group.queue.pop());
  }
  return impossible;
}

std::optional<double> Dispatcher::estimate(FunctionId function) const {
  if (function.number >= durations_.size() || durations_[function.number].count == 0) return std::nullopt;
  return durations_[function.number].mean;
}

/// What waits behind the running tasks is shared by all slots, and so is the time to the end of the next of them.
double Dispatcher::Worker::room_ahead() const {
  if (slots == 0 || deeper_than > 0 || has_free_slot() || outstanding >= max_ahead_tasks || bytes >= max_ahead_bytes)
    return 0;
  const double mean = nanoseconds / outstanding;
  return ahead_nanoseconds * slots - mean * (runnable() - slots + 1);
}

/// First those with free slots, the emptiest first; then those that take work ahead, the one with most room first.
std::optional<std::uint32_t> Dispatcher::Worker::level() const {
  if (reserved || gone || deeper_than > 0) return std::nullopt;
  if (has_free_slot()) return runnable() * first_level_ahead / slots;
  const double room = room_ahead();
  if (room <= 0) return std::nullopt;
  return WorkerLevels::levels - 1 - static_cast<std::uint32_t>(room / (ahead_nanoseconds * slots) * (levels_ahead - 1));
}

void Dispatcher::changed(std::uint32_t place) {
  Worker& worker = workers_[place];
  const std::uint32_t busy_lanes =
      worker.with_resources - std::min(worker.with_resources, worker.parked_with_resources);
  const double cpus = pool_.cpus(worker.seat) - pool_.cpus_taken(worker.seat) + worker.parked_cpus;
  worker.slots = worker.lanes - std::min(worker.lanes, busy_lanes);
  if (cpus < worker.slots) worker.slots = static_cast<std::uint32_t>(std::max(0.0, cpus + cpu_tolerance));
  const auto count = [](std::uint32_t& total, std::uint32_t& counted, std::uint32_t now) {
    total += now - std::exchange(counted, now);
  };
  count(running_, worker.running, std::min(worker.runnable(), worker.slots));
  count(idle_, worker.idle, worker.deeper_than > 0 ? 0 : worker.slots - worker.running);
  count(queued_, worker.queued, worker.runnable() - worker.running);
  if (const auto level = worker.level()) {
    levels_.put(place, *level);
  } else {
    levels_.remove(place);
  }
}

std::optional<std::uint32_t> Dispatcher::best_worker() {
  ++looks_;
  return levels_.first();
}

std::vector<Dispatcher::Assignment> Dispatcher::assign() {
  std::vector<Assignment> assignments;
  for (Group& group : groups_) group.stuck = false;
  while (true) {
    Group* const group = first_group();
    auto place = has_ready() ? best_worker() : std::nullopt;
    if (place && !workers_[*place].has_free_slot()) place.reset();
    if (group == nullptr && !place) break;
    // Those with resources of their own come first among equals: they are harder to place.
    if (group != nullptr && (!place || group->queue.front_order() >= ready_.front_order())) {
      if (const auto room = worker_with_room(*group)) {
        assign_front(*group, *room, assignments);
      } else {
        group->stuck = true;
        reserve_for(*group);
      }
      continue;
    }
    if (ready_.front().near.number >= 0) place = nearest_worker(*place);
    assignments.push_back(assign_front(workers_[*place]));
    changed(*place);
  }
  if (has_ready() && !for_deeper_.empty()) assign_deeper(assignments);
  if (has_ready()) assign_ahead(assignments);
  return assignments;
}

/// Of those that have a free slot, and where only deeper tasks can begin.
void Dispatcher::assign_deeper(std::vector<Assignment>& assignments) {
  for (const std::uint32_t place : for_deeper_) {
    Worker& worker = workers_[place];
    while (worker.has_free_slot() && !worker.reserved) {
      std::optional<Ready> task = ready_.pop_deeper(worker.deeper_than);
      if (!task) break;
      if (!withdrawn_.empty() && withdrawn_.erase(task->id) != 0) continue;
      assignments.push_back(assign(worker, std::move(*task)));
      changed(place);
    }
  }
}

/// no_worker: values lie on other ranks too.
std::uint32_t Dispatcher::place_near(RankId rank) const {
  const auto number = static_cast<std::size_t>(rank.number);
  return number < places_.size() ? places_[number] : no_worker;
}

/// For the front task, which has large inputs somewhere; or for one that comes soon after it and suits `best`, which is
/// then the front.
std::uint32_t Dispatcher::nearest_worker(std::uint32_t best) {
  const std::uint32_t near = place_near(ready_.front().near);
  if (near == no_worker) return best;
  if (workers_[near].has_free_slot() && !workers_[near].reserved && workers_[near].deeper_than == 0) return near;
  const std::size_t end = std::min(ready_.front_size(), looked_through);
  for (std::size_t i = 1; i < end; ++i) {
    const Ready& task = ready_.at(i);
    if (task.near.number >= 0 && task.near != workers_[best].rank) continue;
    if (withdrawn_.contains(task.id)) continue;
    ready_.bring_to_front(i);
    break;
  }
  return best;
}

/// Requires that no slot is free.
void Dispatcher::assign_ahead(std::vector<Assignment>& assignments) {
  const std::size_t fair_share = (ready_.size() + seats_.size() - 1) / seats_.size();
  std::vector<std::uint32_t> served;
  while (has_ready()) {
    const RankId near = ready_.front().near;
    const auto place = near.number < 0 ? best_worker() : std::optional{place_near(near)};
    if (!place || *place == no_worker) break;
    Worker& worker = workers_[*place];
    std::size_t given = 0;
    // A task with large inputs waits for its own worker, or for a slot that is free elsewhere.
    for (; given < fair_share && has_ready() && ready_.front().near == near && !worker.reserved; ++given) {
      const std::optional<double> time = estimate(ready_.front().function);
      if (!time || *time > worker.room_ahead()) break;
      assignments.push_back(assign_front(worker));
    }
    if (given == 0) break;  // others have no more room, but for the width of a level
    levels_.remove(*place);
    served.push_back(*place);
  }
  for (const std::uint32_t place : served) changed(place);
}

bool Dispatcher::has_ready() {
  drop_withdrawn(ready_);
  return !ready_.empty();
}

void Dispatcher::drop_withdrawn(ReadyQueue<Ready>& queue) {
  while (!withdrawn_.empty() && !queue.empty() && withdrawn_.erase(queue.front().id) != 0) queue.pop();
}

std::string Dispatcher::refusal(const Resources& wanted) const {
  const bool possible = std::any_of(seats_.begin(), seats_.end(),
                                    [&](ResourcePool::Seat seat) { return pool_.could_hold(seat, wanted); });
  return possible ? "" : pool_.refusal(wanted, seats_);
}

void Dispatcher::add_ready(RunOrder order, Ready task, const Resources& wanted) {
  auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& known) { return known.wanted == wanted; });
  if (group == groups_.end()) group = groups_.insert(group, Group{wanted, {}, {}});
  group->queue.push(order, std::move(task));
}

/// Whose front is to be tried next.
Dispatcher::Group* Dispatcher::first_group() {
  std::erase_if(groups_, [&](Group& group) {
    drop_withdrawn(group.queue);
    if (!group.queue.empty()) return false;
    release(group);
    return true;
  });
  Group* first = nullptr;
  for (Group& group : groups_)
    if (!group.stuck && (first == nullptr || group.queue.front_order() > first->queue.front_order())) first = &group;
  return first;
}

/// The one with most CPUs free, among those with nothing queued, which could begin before.
std::optional<std::uint32_t> Dispatcher::worker_with_room(const Group& group) const {
  std::optional<std::uint32_t> best;
  double most = 0;
  for (std::uint32_t place = 0; place < workers_.size(); ++place) {
    const Worker& worker = workers_[place];
    if (worker.reserved && group.reserved != place) continue;
    if (!worker.takes(group.queue.front_order())) continue;
    const std::uint32_t busy_lanes =
        worker.runnable() + worker.with_resources - std::min(worker.with_resources, worker.parked_with_resources);
    if (busy_lanes >= worker.lanes || worker.queued > 0 || !pool_.could_hold(worker.seat, group.wanted)) continue;
    if (!pool_.fits(worker.seat, group.wanted, worker.running - worker.parked_cpus)) continue;
    const double free = pool_.cpus(worker.seat) - pool_.cpus_taken(worker.seat) - worker.running;
    if (best && free <= most) continue;
    best = place;
    most = free;
  }
  return best;
}

void Dispatcher::assign_front(Group& group, std::uint32_t place, std::vector<Assignment>& assignments) {
  Worker& worker = workers_[place];
  Ready task = group.queue.pop();
  const ResourcePool::Grant& grant = grants_.emplace(task.id, pool_.take(worker.seat, group.wanted)).first->second;
  ++worker.with_resources;
  auto occupation = std::make_unique<wire::Occupation>(wire::Occupation{group.wanted, pool_.names(grant)});
  assignments.push_back({std::move(task), worker.rank, {}, std::move(occupation)});
  release(group);
  changed(place);
}

/// The worker that is likely to have room first gets nothing else until it has.
void Dispatcher::reserve_for(Group& group) {
  if (group.reserved) return;
  for (std::uint32_t place = 0; place < workers_.size(); ++place) {
    const Worker& worker = workers_[place];
    if (worker.reserved || worker.lanes == 0 || !worker.takes(group.queue.front_order())) continue;
    if (!pool_.could_hold(worker.seat, group.wanted)) continue;
    const auto busy = [&](std::uint32_t other) { return workers_[other].runnable() + workers_[other].with_resources; };
    if (!group.reserved || busy(place) < busy(*group.reserved)) group.reserved = place;
  }
  if (!group.reserved) return;
  workers_[*group.reserved].reserved = true;
  changed(*group.reserved);
}

void Dispatcher::release(Group& group) {
  if (!group.reserved) return;
  const std::uint32_t place = *std::exchange(group.reserved, std::nullopt);
  workers_[place].reserved = false;
  changed(place);
}

void Dispatcher::clear() {
  for (Group& group : groups_) release(group);
  groups_.clear();
  ready_.clear();
  withdrawn_.clear();
}

std::size_t Dispatcher::ready() const {
  std::size_t total = ready_.size() - withdrawn_.size();
  for (const Group& group : groups_) total += group.queue.size();
  return total;
}

Resources Dispatcher::free() const {
  Resources free = pool_.free(seats_);
  free.cpus = std::max(0.0, free.cpus - running_);
  return free;
}

std::vector<RankId> Dispatcher::stuck_workers() {
  std::vector<RankId> stuck;
  const bool unbalanced = queued_ > 0 && idle_ > 0 && ready_.empty();
  // For a moment that is so whenever a task ends.
  const bool still = std::exchange(unbalanced_, unbalanced) && unbalanced;
  if (!unbalanced) return stuck;
  for (Worker& worker : workers_) {
    const bool long_queue = worker.nanoseconds > short_queue_nanoseconds * worker.slots;
    if (still && worker.queued > 0 && (long_queue || worker.ends == worker.ends_seen)) stuck.push_back(worker.rank);
    worker.ends_seen = worker.ends;
  }
  return stuck;
}

Dispatcher::Assignment Dispatcher::assign(Worker& worker, Ready task) {
  const double time = estimate(task.function).value_or(ahead_nanoseconds);
  const Load load{static_cast<float>(time),
                  static_cast<std::uint32_t>(std::min<std::size_t>(task.frame_payload.size(), max_ahead_bytes))};
  ++worker.outstanding;
  worker.nanoseconds += load.nanoseconds;
  worker.bytes += load.bytes;
  return {std::move(task), worker.rank, load};
}

}  // namespace crema::head
