#include "crema/future.hpp"

#include <unordered_map>

#include "crema/errors.hpp"
#include "wire/messages.hpp"

namespace crema::detail {
namespace {

const Bytes& value_of(const Result& result) {
  if (!result.failed) return result.bytes;
  ByteReader reader{result.bytes};
  throw_failure(wire::read_failure(reader));
}

}  // namespace

FutureHandle::FutureHandle(TaskId id) : state_{std::make_shared<State>(id, LaneContext::current().share())} {}

bool FutureHandle::ready() const {
  if (!state_) throw UsageError{"asking an empty future whether it is ready: assign it from remote() first"};
  return state_->result || LaneContext::current().ready(state_->id);
}

const Bytes& FutureHandle::value() const {
  const FutureHandle* self = this;
  wait_for_all({&self, 1});
  return value_of(*state_->result);
}

void FutureHandle::wait_for_all(std::span<const FutureHandle* const> futures) {
  std::vector<TaskId> missing;
  std::unordered_map<TaskId, State*> states;
  for (const FutureHandle* future : futures) {
    if (!future->state_) throw UsageError{"waiting for an empty future: assign it from remote() first"};
    if (future->state_->result) continue;
    if (states.emplace(future->id(), future->state_.get()).second) missing.push_back(future->id());
  }
  if (!missing.empty()) {
    for (auto& [id, result] : LaneContext::current().fetch(missing))
      states.at(id)->result = std::make_unique<Result>(std::move(result));
  }
  for (const FutureHandle* future : futures)
    if (future->state_->result) value_of(*future->state_->result);
}

}  // namespace crema::detail
