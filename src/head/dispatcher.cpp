#include "head/dispatcher.hpp"

#include <algorithm>

namespace crema::head {
namespace {

/// The mean follows the last few dozen outcomes, so a function whose times change is soon known again.
constexpr std::uint32_t mean_memory = 32;

}  // namespace

void Dispatcher::add_worker(RankId rank) {
  places_.emplace(rank, workers_.size());
  workers_.push_back({.rank = rank});
}

void Dispatcher::on_pull(RankId rank, const wire::Pull& pull) {
  Worker& worker = workers_[places_.at(rank)];
  worker.slots = pull.slots;
  worker.parked = pull.parked;
}

void Dispatcher::ended(RankId rank, FunctionId function, Load load, std::int64_t nanoseconds) {
  Worker& worker = workers_[places_.at(rank)];
  --worker.outstanding;
  worker.nanoseconds = worker.outstanding == 0 ? 0 : worker.nanoseconds - load.nanoseconds;
  worker.bytes -= load.bytes;
  if (function.number >= durations_.size()) durations_.resize(function.number + 1);
  Duration& duration = durations_[function.number];
  duration.count = std::min(duration.count + 1, mean_memory);
  duration.mean += (static_cast<double>(nanoseconds) - duration.mean) / duration.count;
}

std::optional<double> Dispatcher::estimate(FunctionId function) const {
  if (function.number >= durations_.size() || durations_[function.number].count == 0) return std::nullopt;
  return durations_[function.number].mean;
}

Dispatcher::Worker* Dispatcher::freest_worker() {
  Worker* best = nullptr;
  for (Worker& worker : workers_) {
    if (!worker.has_free_slot()) continue;
    if (best == nullptr || worker.runnable() < best->runnable()) best = &worker;
  }
  return best;
}

std::vector<Dispatcher::Assignment> Dispatcher::assign() {
  std::vector<Assignment> assignments;
  while (has_ready()) {
    Worker* worker = freest_worker();
    if (worker == nullptr) break;
    assignments.push_back(assign_front(*worker));
  }
  if (has_ready()) fill_ahead(assignments);
  return assignments;
}

bool Dispatcher::has_ready() {
  while (!withdrawn_.empty() && !ready_.empty() && withdrawn_.erase(ready_.front().id) != 0) ready_.pop();
  return !ready_.empty();
}

void Dispatcher::fill_ahead(std::vector<Assignment>& assignments) {
  const std::size_t fair_share = (ready_.size() + workers_.size() - 1) / workers_.size();
  for (Worker& worker : workers_) {
    for (std::size_t given = 0; given < fair_share && has_ready(); ++given) {
      const std::optional<double> time = estimate(ready_.front().function);
      const bool fits = time && worker.slots > 0 && worker.nanoseconds + *time <= ahead_nanoseconds * worker.slots &&
                        worker.outstanding < max_ahead_tasks && worker.bytes < max_ahead_bytes;
      if (!fits) break;
      assignments.push_back(assign_front(worker));
    }
  }
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

std::size_t Dispatcher::running() const {
  std::size_t total = 0;
  for (const Worker& worker : workers_) total += std::min(worker.runnable(), worker.slots);
  return total;
}

std::uint32_t Dispatcher::slots() const {
  std::uint32_t total = 0;
  for (const Worker& worker : workers_) total += worker.slots;
  return total;
}

std::uint32_t Dispatcher::free_slots() const { return slots() - static_cast<std::uint32_t>(running()); }

}  // namespace crema::head
