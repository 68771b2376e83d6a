#include "head/dispatcher.hpp"

#include <algorithm>
#include <string>

namespace crema::head {
namespace {

/// The mean follows the last few dozen outcomes, so a function whose times change is soon known again.
constexpr std::uint32_t mean_memory = 32;

constexpr std::uint32_t no_worker = UINT32_MAX;

/// Levels below are of workers with a free slot.
constexpr std::uint32_t first_level_ahead = WorkerLevels::levels / 2;
constexpr std::uint32_t levels_ahead = WorkerLevels::levels - first_level_ahead;

}  // namespace

void Dispatcher::add_worker(RankId rank) {
  const auto place = static_cast<std::size_t>(rank.number);
  if (place >= places_.size()) places_.resize(place + 1, no_worker);
  places_[place] = static_cast<std::uint32_t>(workers_.size());
  workers_.push_back({.rank = rank});
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
  slots_ += pull.slots - worker.slots;
  worker.slots = pull.slots;
  worker.parked = pull.parked;
  changed(place);
}

void Dispatcher::ended(RankId rank, FunctionId function, Load load, std::int64_t nanoseconds) {
  const std::uint32_t place = worker_of(rank);
  Worker& worker = workers_[place];
  --worker.outstanding;
  worker.nanoseconds = worker.outstanding == 0 ? 0 : worker.nanoseconds - load.nanoseconds;
  worker.bytes -= load.bytes;
  changed(place);
  if (function.number >= durations_.size()) durations_.resize(function.number + 1);
  Duration& duration = durations_[function.number];
  duration.count = std::min(duration.count + 1, mean_memory);
  duration.mean += (static_cast<double>(nanoseconds) - duration.mean) / duration.count;
}

std::optional<double> Dispatcher::estimate(FunctionId function) const {
  if (function.number >= durations_.size() || durations_[function.number].count == 0) return std::nullopt;
  return durations_[function.number].mean;
}

/// What waits behind the running tasks is shared by all slots, and so is the time to the end of the next of them.
double Dispatcher::Worker::room_ahead() const {
  if (slots == 0 || has_free_slot() || outstanding >= max_ahead_tasks || bytes >= max_ahead_bytes) return 0;
  const double mean = nanoseconds / outstanding;
  return ahead_nanoseconds * slots - mean * (runnable() - slots + 1);
}

/// First those with free slots, the emptiest first; then those that take work ahead, the one with most room first.
std::optional<std::uint32_t> Dispatcher::Worker::level() const {
  if (has_free_slot()) return runnable() * first_level_ahead / slots;
  const double room = room_ahead();
  if (room <= 0) return std::nullopt;
  return WorkerLevels::levels - 1 - static_cast<std::uint32_t>(room / (ahead_nanoseconds * slots) * (levels_ahead - 1));
}

void Dispatcher::changed(std::uint32_t place) {
  Worker& worker = workers_[place];
  const std::uint32_t running = std::min(worker.runnable(), worker.slots);
  running_ += running - worker.running;
  worker.running = running;
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
  while (has_ready()) {
    const auto place = best_worker();
    if (!place || !workers_[*place].has_free_slot()) break;
    assignments.push_back(assign_front(workers_[*place]));
    changed(*place);
  }
  if (has_ready()) assign_ahead(assignments);
  return assignments;
}

/// Requires that no slot is free.
void Dispatcher::assign_ahead(std::vector<Assignment>& assignments) {
  const std::size_t fair_share = (ready_.size() + workers_.size() - 1) / workers_.size();
  std::vector<std::uint32_t> served;
  while (has_ready()) {
    const auto place = best_worker();
    if (!place) break;
    Worker& worker = workers_[*place];
    std::size_t given = 0;
    for (; given < fair_share && has_ready(); ++given) {
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
  while (!withdrawn_.empty() && !ready_.empty() && withdrawn_.erase(ready_.front().id) != 0) ready_.pop();
  return !ready_.empty();
}

Dispatcher::Assignment Dispatcher::assign_front(Worker& worker) {
  Ready task = ready_.pop();
  const double time = estimate(task.function).value_or(ahead_nanoseconds);
  const Load load{static_cast<float>(time),
                  static_cast<std::uint32_t>(std::min<std::size_t>(task.frame_payload.size(), max_ahead_bytes))};
  ++worker.outstanding;
  worker.nanoseconds += load.nanoseconds;
  worker.bytes += load.bytes;
  return {std::move(task), worker.rank, load};
}

}  // namespace crema::head
