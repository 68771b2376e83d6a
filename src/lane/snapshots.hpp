#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "crema/registry.hpp"
#include "wire/messages.hpp"

namespace crema::lane {

/// Decides when an actor tells its state, from which it can be built anew without the calls before. So often that
/// reading calls takes not much longer than reading a state, and so seldom that states are a fraction of what the
/// history has of the calls. Used on the actor's lane.
class Snapshots {
 public:
  /// Bytes of the calls between two states, at least, as a multiple of the last state's.
  static constexpr std::uint64_t least_share = 4;
  /// The largest state that is told: the head writes it in one record.
  static constexpr std::size_t most_bytes = 256 << 20;

  using Post = std::function<void(wire::Snapshot)>;
  /// `least_calls`: between two states.
  Snapshots(std::uint64_t least_calls, Post post) : least_calls_{least_calls}, post_{std::move(post)} {}

  /// The object is there. `constructor`: what made it.
  void begin(ActorId actor, const RegisteredFunction& constructor, std::size_t state_bytes);
  /// A call has been applied; `place`: among those of the actor's history, 0: it has none.
  void applied(std::uint64_t place, std::size_t bytes, void* object);

 private:
  const std::uint64_t least_calls_;
  const Post post_;
  ActorId actor_;
  decltype(FunctionTraits::save) save_ = nullptr;  // nullptr: no states
  std::uint64_t calls_ = 0;                        // since the last state
  std::uint64_t bytes_ = 0;
  std::uint64_t state_bytes_ = 0;
};

}  // namespace crema::lane
