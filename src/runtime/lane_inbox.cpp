#include "runtime/lane_inbox.hpp"

namespace crema::runtime {

void LaneInbox::post(wire::Frame frame, bool wake) {
  {
    std::unique_lock lock{mutex_};
    if (waiting_.size() >= max_waiting) {
      ++held_;
      taken_.wait(lock, [&] { return waiting_.size() < max_waiting; });
      --held_;
    }
    waiting_.push_back(std::move(frame));
    if (!wake || woken_) return;
    woken_ = true;
    if (!asleep_) return;
  }
  arrived_.notify_one();
}

void LaneInbox::wake() {
  {
    const std::lock_guard lock{mutex_};
    woken_ = true;
    if (!asleep_) return;
  }
  arrived_.notify_one();
}

void LaneInbox::take(std::vector<wire::Frame>& frames) {
  bool held = false;
  {
    const std::lock_guard lock{mutex_};
    std::swap(frames, waiting_);
    woken_ = false;
    held = held_ > 0;
  }
  if (held) taken_.notify_all();
}

void LaneInbox::sleep(std::chrono::microseconds longest) {
  std::unique_lock lock{mutex_};
  asleep_ = true;
  arrived_.wait_for(lock, longest, [&] { return woken_; });
  asleep_ = false;
}

}  // namespace crema::runtime
