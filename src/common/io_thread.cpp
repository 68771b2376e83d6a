#include "common/io_thread.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "crema/errors.hpp"

namespace crema {

IoThread::IoThread(std::function<void()> at_end) : at_end_{std::move(at_end)}, thread_{[this] { loop(); }} {}

IoThread::~IoThread() {
  std::deque<Entry> dropped;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    dropped.swap(queue_);
  }
  work_arrived_.notify_one();
  thread_.join();
}

void IoThread::post(std::size_t bytes, Work work) {
  {
    const std::lock_guard lock{mutex_};
    if (failed() || stopping_) return;
    backlog_ += bytes;
    queue_.push_back({bytes, std::move(work)});
  }
  work_arrived_.notify_one();
}

void IoThread::call(const std::function<void()>& work) {
  std::promise<void> done;
  std::future<void> ended = done.get_future();
  post(0, Work{[&work, done = std::move(done)]() mutable {
         work();
         done.set_value();
       }});
  try {
    ended.get();
  } catch (const std::future_error&) {  // the promise went with work that failed or was dropped
    throw Error{failure()};
  }
}

void IoThread::wait_for_backlog(std::size_t bytes) {
  std::unique_lock lock{mutex_};
  work_done_.wait(lock, [&] { return backlog_bytes() <= bytes || failed(); });
}

std::string IoThread::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

void IoThread::loop() {
  // Where cores are short the work that waits for this thread is little, and the work it waits behind is the user's.
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<::id_t>(::gettid()), 10));
  for (;;) {
    Entry entry;
    {
      std::unique_lock lock{mutex_};
      work_arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) break;
      entry = std::move(queue_.front());
      queue_.pop_front();
    }
    run(std::move(entry));
  }
  at_end_();
}

void IoThread::run(Entry entry) {
  try {
    std::future<void> result = entry.work.get_future();
    entry.work();
    result.get();
  } catch (const std::exception& error) {
    fail(error.what());
  }
  {
    const std::lock_guard lock{mutex_};
    if (!failed()) backlog_ -= entry.bytes;
  }
  work_done_.notify_all();
}

void IoThread::fail(std::string reason) {
  std::deque<Entry> dropped;  // destroyed outside the lock
  const std::lock_guard lock{mutex_};
  failure_ = std::move(reason);
  failed_.store(true, std::memory_order_release);
  dropped.swap(queue_);
  backlog_ = 0;
}

}  // namespace crema
