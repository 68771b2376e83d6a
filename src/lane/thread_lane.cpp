#include "lane/thread_lane.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
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

  void give_work(wire::Frame frame) override { giving_work_.push_back(std::move(frame)); }
  void reply(wire::Frame frame) override { giving_replies_.push_back(std::move(frame)); }

  void wake() override {
    {
      const std::lock_guard lock{mutex_};
      append(work_, giving_work_);
      append(replies_, giving_replies_);
      if (!std::exchange(asleep_, false)) return;
    }
    arrived_.notify_one();
  }

  void tell_cancelled(std::vector<TaskId> ids) override {
    const std::lock_guard lock{mutex_};
    any_cancelled_.store(!ids.empty(), std::memory_order_relaxed);
    cancelled_ = std::move(ids);
  }

  void tell_stopping() override { told_stopping_.store(true, std::memory_order_relaxed); }

  std::vector<wire::Frame> take_back() override {
    const std::lock_guard lock{mutex_};
    std::vector<wire::Frame> frames;
    const std::size_t first = claimed_.exchange(all_claimed);
    for (std::size_t i = first; i < running_.size(); ++i) frames.push_back(std::move(running_[i]));
    append(frames, work_);
    append(frames, giving_work_);
    return frames;
  }

  void stop() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    arrived_.notify_one();
  }

  TaskId running() const override { return TaskId{runs_.load(std::memory_order_relaxed)}; }
  bool waiting() const override { return waiting_.load(std::memory_order_relaxed); }
  ActorId waiting_for_room() const override { return ActorId{room_.load(std::memory_order_relaxed)}; }

  bool stopped() const override { return stopped_.load(std::memory_order_acquire); }

 private:
  std::optional<wire::Frame> next_work() override {
    if (stopping_.load(std::memory_order_relaxed)) return std::nullopt;
    // Claimed without the mutex: the loop may take back what comes behind at the same time.
    if (const std::size_t i = claimed_.fetch_add(1); i < running_.size()) return std::move(running_[i]);
    runs({});
    std::unique_lock lock{mutex_};
    sleep_until(lock, [&] { return stopping_ || !work_.empty(); });
    if (stopping_) return std::nullopt;
    running_.clear();
    std::swap(running_, work_);
    claimed_ = 1;
    return std::move(running_.front());
  }

  wire::Frame next_reply() override {
    if (auto reply = poll_reply()) return std::move(*reply);
    waiting_.store(true, std::memory_order_relaxed);
    std::unique_lock lock{mutex_};
    sleep_until(lock, [&] { return stopping_ || !replies_.empty(); });
    waiting_.store(false, std::memory_order_relaxed);
    if (replies_.empty()) throw LaneStopped{};
    std::swap(reading_, replies_);
    read_ = 1;
    return std::move(reading_.front());
  }

  std::optional<wire::Frame> poll_reply() override {
    if (read_ < reading_.size()) return std::move(reading_[read_++]);
    reading_.clear();
    read_ = 0;
    const std::lock_guard lock{mutex_};
    if (replies_.empty()) return std::nullopt;
    std::swap(reading_, replies_);
    return std::move(reading_[read_++]);
  }

  bool cancelled(TaskId id) override {
    if (!any_cancelled_.load(std::memory_order_relaxed)) return false;
    const std::lock_guard lock{mutex_};
    return std::find(cancelled_.begin(), cancelled_.end(), id) != cancelled_.end();
  }

  bool stopping() override { return told_stopping_.load(std::memory_order_relaxed); }

  void post(wire::Frame frame, bool wake) override {
    held_back_.store(!wake, std::memory_order_relaxed);
    inbox_.post(std::move(frame), wake);
  }

  void runs(TaskId id) override { runs_.store(id.number, std::memory_order_relaxed); }
  void waits_for_room(ActorId actor) override { room_.store(actor.number, std::memory_order_relaxed); }

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

  static void append(std::vector<wire::Frame>& to, std::vector<wire::Frame>& from) {
    if (to.empty()) {
      std::swap(to, from);
    } else {
      to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
      from.clear();
    }
  }

  static constexpr std::size_t all_claimed = std::numeric_limits<std::size_t>::max() / 2;

  // Constant after construction.
  const Identity identity_;
  Inbox& inbox_;

  // The loop's thread only: given since the last wake.
  std::vector<wire::Frame> giving_work_;
  std::vector<wire::Frame> giving_replies_;

  std::mutex mutex_;
  std::condition_variable arrived_;  // only the lane's thread waits
  // Guarded by mutex_. Bounded by the worker's credits, and for actors by what their callers send.
  std::vector<wire::Frame> work_;
  std::vector<wire::Frame> replies_;
  std::vector<TaskId> cancelled_;
  bool asleep_ = false;                // and nobody has woken it since
  std::atomic<bool> stopping_{false};  // read without it where a moment's delay does not matter

  // Swapped by the lane's thread under mutex_. Whoever raises claimed_ past an index owns the frame there.
  std::vector<wire::Frame> running_;
  std::atomic<std::size_t> claimed_{0};
  // The lane's thread only.
  std::vector<wire::Frame> reading_;
  std::size_t read_ = 0;

  // Told by the lane's thread, for whoever asks.
  std::atomic<std::uint64_t> runs_{0};
  std::atomic<std::uint64_t> room_{0};
  std::atomic<bool> waiting_{false};

  std::atomic<bool> any_cancelled_{false};
  std::atomic<bool> told_stopping_{false};
  std::atomic<bool> held_back_{false};  // a frame was posted without waking the loop
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Lane> ThreadLaneFactory::start(LaneId id, Main main) {
  try {
    return std::make_unique<ThreadLane>(Identity{rank_, id, host_, seed_}, inbox_, std::move(main));
  } catch (const std::system_error& error) {
    throw Error{"starting lane " + std::to_string(id.number) + " on rank " + std::to_string(rank_.number) + " of " +
                host_ + ": the system refuses another thread (" + error.what() +
                "); raise the limit (ulimit -u) or use fewer ranks"};
  }
}

}  // namespace crema::lane
