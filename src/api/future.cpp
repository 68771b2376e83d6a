#include "crema/future.hpp"

#include <algorithm>

#include "crema/errors.hpp"
#include "wire/messages.hpp"

namespace crema::detail {
FutureHandle::FutureHandle(Named<TaskId> value) : state_{new State{value, LaneContext::current().share()}} {}

void FutureHandle::throw_if_failed(const State& state) {
  if (!state.failed) return;
  ByteReader reader{state.bytes};
  throw_failure(wire::read_failure(reader));
}

FutureHandle FutureHandle::received(Named<TaskId> value) {
  if (value.id == TaskId{}) return {};
  LaneContext::current().retain(value.id);
  return FutureHandle{value};
}

void FutureHandle::carry(std::uint64_t offset) const {
  CarriedFutures::add({state_->id, state_->key}, std::make_shared<const FutureHandle>(*this));
  CarriedFutures::mention(offset, state_->key);
}

void FutureHandle::cancel() const {
  if (!state_) throw UsageError{"cancelling an empty future: assign it from remote() first"};
  if (!state_->known) LaneContext::current().cancel(state_->id);
}

std::vector<std::uint32_t> FutureHandle::wait(std::span<const FutureHandle* const> futures, std::size_t count,
                                              std::optional<std::chrono::nanoseconds> timeout) {
  std::vector<TaskId> ids;
  ids.reserve(futures.size());
  for (const FutureHandle* future : futures) {
    if (!future->state_) throw UsageError{"waiting for an empty future: assign it from remote() first"};
    ids.push_back(future->id());
  }
  return LaneContext::current().wait(ids, count, timeout);
}

void throw_timeout(TaskId id, std::chrono::nanoseconds timeout) {
  throw Timeout{"waiting for the value of task " + std::to_string(id.number) + ": it was not there after " +
                std::to_string(std::chrono::duration<double>(timeout).count()) +
                " s; the task goes on, so ask again, or cancel it"};
}

bool FutureHandle::ready() const {
  if (!state_) throw UsageError{"asking an empty future whether it is ready: assign it from remote() first"};
  return state_->known || LaneContext::current().ready(state_->id);
}

Bytes FutureHandle::value() const {
  const FutureHandle* self = this;
  wait_for_all({&self, 1});
  if (!state_->large) return state_->bytes;
  state_->known = false;
  return std::move(state_->bytes);
}

void FutureHandle::prefetch(std::span<const FutureHandle* const> futures) {
  std::vector<State*> missing;
  for (const FutureHandle* future : futures) {
    if (!future->state_) throw UsageError{"waiting for an empty future: assign it from remote() first"};
    if (!future->state_->known) missing.push_back(future->state_);
  }
  if (!missing.empty()) fetch(missing);
}

void FutureHandle::wait_for_all(std::span<const FutureHandle* const> futures) {
  prefetch(futures);
  for (const FutureHandle* future : futures)
    if (future->state_->known) throw_if_failed(*future->state_);
}

void FutureHandle::fetch(std::vector<State*>& missing) {
  // They nearly always are in order, being kept as they were made.
  const auto by_id = [](const State* a, const State* b) { return a->id < b->id; };
  if (!std::is_sorted(missing.begin(), missing.end(), by_id)) std::sort(missing.begin(), missing.end(), by_id);
  missing.erase(
      std::unique(missing.begin(), missing.end(), [](const State* a, const State* b) { return a->id == b->id; }),
      missing.end());
  std::vector<TaskId> ids;
  ids.reserve(missing.size());
  for (const State* state : missing) ids.push_back(state->id);
  // Results tend to come in the order in which they were asked for.
  std::size_t likely = 0;
  LaneContext::current().fetch(ids, [&](TaskId id, Result result) {
    if (likely == ids.size() || ids[likely] != id)
      likely = static_cast<std::size_t>(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
    if (likely == ids.size() || ids[likely] != id || missing[likely]->known) return false;
    missing[likely++]->keep(std::move(result));
    return true;
  });
}

}  // namespace crema::detail
