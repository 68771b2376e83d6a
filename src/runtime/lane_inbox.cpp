#include "runtime/lane_inbox.hpp"

#include <utility>

#include "wire/link.hpp"

namespace crema::runtime {
namespace {

/// Storage beyond that was needed for long arguments, and is given back.
constexpr std::size_t largest_reused = 4 << 20;

}  // namespace

void LaneInbox::post(wire::Frame frame, bool wake) {
  {
    std::unique_lock lock{mutex_};
    if (waiting_ >= max_waiting) {
      ++held_;
      taken_.wait(lock, [&] { return waiting_ < max_waiting; });
      --held_;
    }
    ++waiting_;
    if (frame.payload.size() < wire::Link::detached_payload) {
      wire::append_frame(packet_, frame);
    } else {
      frame.header.flags |= wire::flag_detached_payload;
      large_.push_back(std::move(frame.payload));
      wire::append_frame(packet_, {frame.header, {}});
    }
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

LaneInbox::Taken LaneInbox::take(Taken used) {
  Taken taken;
  ByteBuffer next;
  if (used.packet.size() <= largest_reused) next = ByteBuffer::reuse(std::move(used.packet));
  bool held = false;
  {
    const std::lock_guard lock{mutex_};
    if (packet_.size() > 0) taken.packet = Bytes{std::move(packet_)};
    if (packet_.data() == nullptr) packet_ = std::move(next);
    taken.large = std::exchange(large_, {});
    waiting_ = 0;
    woken_ = false;
    held = held_ > 0;
  }
  if (held) taken_.notify_all();
  return taken;
}

void LaneInbox::sleep(std::chrono::microseconds longest) {
  std::unique_lock lock{mutex_};
  asleep_ = true;
  arrived_.wait_for(lock, longest, [&] { return woken_; });
  asleep_ = false;
}

}  // namespace crema::runtime
