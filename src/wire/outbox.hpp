#pragma once

#include "crema/ids.hpp"
#include "wire/frame.hpp"

namespace crema::wire {

/// Where head, worker and actor host put what they have to say. Never blocks; frames to one rank arrive in order.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void send(RankId to, Frame frame) = 0;
};

}  // namespace crema::wire
