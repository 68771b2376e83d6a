#include "lane/thread_lane.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace crema::lane {
namespace {

class ThreadLane final : public Lane, private Channel {
 public:
  ThreadLane(Identity identity, Inbox& inbox, Main main) : identity_{std::move(identity)}, inbox_{inbox} {
    thread_ = std::thread{[this, main = std::move(main)] {
      try {
        main(identity_, *this);
      } catch (const std::exception& error) {
        ByteBuffer reason;
        reason.put_text("lane " + std::to_string(identity_.lane.number) + " ended: " + error.what());
        post(wire::make_frame(wire::FrameType::fatal, std::move(reason), identity_.lane), true);
      }
      stopped_.store(true, std::memory_order_release);
    }};
  }

  ~ThreadLane() override {
    stop();
    thread_.join();
  }

  LaneId id() const override { return identity_.lane; }

  void give_work(wire::Frame frame) override {
    const std::lock_guard lock{mutex_};
    work_.push_back(std::move(frame));
  }

  void wake() override {
    {
      const std::lock_guard lock{mutex_};
      if (!std::exchange(asleep_, false)) return;
    }
    arrived_.notify_one();
  }

  std::vector<wire::Frame> take_back() override {
    const std::lock_guard lock{mutex_};
    std::vector<wire::Frame> frames{std::make_move_iterator(work_.begin()), std::make_move_iterator(work_.end())};
    work_.clear();
    return frames;
  }

  void reply(wire::Frame frame) override {
    {
      const std::lock_guard lock{mutex_};
      replies_.push_back(std::move(frame));
      if (!std::exchange(asleep_, false)) return;
    }
    arrived_.notify_one();
  }

  void stop() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    arrived_.notify_one();
  }

  bool stopped() const override { return stopped_.load(std::memory_order_acquire); }

 private:
  std::optional<wire::Frame> next_work() override {
    std::unique_lock lock{mutex_};
    sleep_until(lock, [&] { return stopping_ || !work_.empty(); });
    if (stopping_) return std::nullopt;
    return pop(work_);
  }

  wire::Frame next_reply() override {
    std::unique_lock lock{mutex_};
    sleep_until(lock, [&] { return stopping_ || !replies_.empty(); });
    if (replies_.empty()) throw LaneStopped{};
    return pop(replies_);
  }

  std::optional<wire::Frame> poll_reply() override {
    const std::lock_guard lock{mutex_};
    if (replies_.empty()) return std::nullopt;
    return pop(replies_);
  }

  void post(wire::Frame frame, bool wake) override {
    held_back_.store(!wake, std::memory_order_relaxed);
    inbox_.post(std::move(frame), wake);
  }

  template <class Condition>
  void sleep_until(std::unique_lock<std::mutex>& lock, Condition condition) {
    if (condition()) return;
    if (held_back_.exchange(false, std::memory_order_relaxed)) {
      lock.unlock();
      inbox_.wake();
      lock.lock();
    }
    while (!condition()) {
      asleep_ = true;
      arrived_.wait(lock);
    }
    asleep_ = false;
  }

  static wire::Frame pop(std::deque<wire::Frame>& frames) {
    wire::Frame frame = std::move(frames.front());
    frames.pop_front();
    return frame;
  }

  // Constant after construction.
  const Identity identity_;
  Inbox& inbox_;

  std::mutex mutex_;
  std::condition_variable arrived_;  // only the lane's thread waits
  // Guarded by mutex_. Bounded by the worker's credits, and for actors by what their callers send.
  std::deque<wire::Frame> work_;
  std::deque<wire::Frame> replies_;
  bool asleep_ = false;  // and nobody has woken it since
  bool stopping_ = false;

  std::atomic<bool> held_back_{false};  // a frame was posted without waking the loop
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Lane> ThreadLaneFactory::start(LaneId id, Main main) {
  try {
    return std::make_unique<ThreadLane>(Identity{rank_, id, host_}, inbox_, std::move(main));
  } catch (const std::system_error& error) {
    throw Error{"starting lane " + std::to_string(id.number) + " on rank " + std::to_string(rank_.number) + " of " +
                host_ + ": the system refuses another thread (" + error.what() +
                "); raise the limit (ulimit -u) or use fewer ranks"};
  }
}

}  // namespace crema::lane
