#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "lane/lane.hpp"

namespace crema::runtime {

/// The queue from a rank's lanes to its event loop, and what the loop sleeps on. Small frames are copied into one
/// packet, so that a frame costs no allocation that another thread has to free.
class LaneInbox final : public lane::Inbox {
 public:
  /// A lane that posts while this many frames wait is held until the loop has taken them. The loop never waits for a
  /// lane.
  static constexpr std::size_t max_waiting = 16'384;

  void post(wire::Frame frame, bool wake) override;
  void wake() override;

  /// Frames one after the other; the payload of one with flag_detached_payload is the next of `large`.
  struct Taken {
    Bytes packet;
    std::vector<Bytes> large;
  };
  /// Loop only: all that was posted. `used`: what was taken before and has been dealt with, whose storage is used again
  /// unless somebody keeps a part of it.
  Taken take(Taken used);
  /// Loop only: sleeps until woken or for this long.
  void sleep(std::chrono::microseconds longest);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable taken_;
  // Guarded by mutex_.
  ByteBuffer packet_;
  std::vector<Bytes> large_;
  std::size_t waiting_ = 0;  // frames
  bool asleep_ = false;
  bool woken_ = false;
  std::size_t held_ = 0;
};

}  // namespace crema::runtime
