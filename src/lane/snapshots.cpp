#include "lane/snapshots.hpp"

#include <utility>

#include "crema/arguments.hpp"

namespace crema::lane {

void Snapshots::begin(ActorId actor, const RegisteredFunction& constructor, std::size_t state_bytes) {
  actor_ = actor;
  save_ = constructor.traits.save;
  state_bytes_ = state_bytes;
}

void Snapshots::applied(std::uint64_t place, std::size_t bytes, void* object) {
  if (save_ == nullptr || object == nullptr || place == 0) return;
  ++calls_;
  bytes_ += bytes;
  if (calls_ < least_calls_ || bytes_ < least_share * state_bytes_) return;
  calls_ = bytes_ = 0;
  const CarriedFutures carried;
  Bytes state = save_(object);
  state_bytes_ = state.size();
  // A future has another number in another start, and a state that holds one is not looked into.
  if (!carried.ids().empty() || state.size() > most_bytes) {
    save_ = nullptr;
    return;
  }
  post_({actor_, place, std::move(state)});
}

}  // namespace crema::lane
