#pragma once

#include <unordered_map>
#include <vector>

#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::actors {

/// Sends the calls of one rank's lanes straight to the ranks where the actors live. Where that is not known yet it asks
/// the head once and holds the calls, in order. Used on the event loop's thread.
class CallRouter {
 public:
  explicit CallRouter(wire::Outbox& outbox) : outbox_{outbox} {}

  /// A call frame from a lane of this rank.
  void on_call(wire::Frame frame);
  /// From the head: actor_location.
  void on_location(const wire::Frame& frame);

 private:
  wire::Outbox& outbox_;
  std::unordered_map<ActorId, RankId> locations_;
  std::unordered_map<ActorId, std::vector<wire::Frame>> held_;  // for one round trip to the head
};

}  // namespace crema::actors
