#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>

namespace crema {

/// One thread that does the work it is given, in order. The first work that throws ends it all: what is queued behind
/// is dropped, what comes later too, and failure() says why.
/// Thread safety: every function may be called from any thread except from work itself.
class IoThread {
 public:
  using Work = std::packaged_task<void()>;

  /// `at_end` runs on the thread as its last work, whatever failed; it must not throw.
  explicit IoThread(std::function<void()> at_end);
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;
  /// Drops what is queued; waits for the work that runs and for `at_end`.
  ~IoThread();

  /// Queues work that holds `bytes` of memory; never waits for work.
  void post(std::size_t bytes, Work work);
  /// Queues work and waits for its end. Throws Error with the reason if it, or work before it, failed.
  void call(const std::function<void()>& work);
  /// Waits until at most `bytes` are queued, or for a failure.
  void wait_for_backlog(std::size_t bytes);

  /// Bytes of the work that is queued or running.
  [[nodiscard]] std::size_t backlog_bytes() const noexcept { return backlog_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  /// Why work failed; empty if none did.
  [[nodiscard]] std::string failure() const;

 private:
  struct Entry {
    std::size_t bytes = 0;
    Work work;
  };

  void loop();
  void run(Entry entry);
  void fail(std::string reason);

  const std::function<void()> at_end_;

  mutable std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable work_done_;
  std::deque<Entry> queue_;  // guarded by mutex_
  std::string failure_;      // guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_

  std::atomic<std::size_t> backlog_{0};  // changed under mutex_
  std::atomic<bool> failed_{false};      // changed under mutex_

  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace crema
