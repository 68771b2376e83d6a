#pragma once

#include <condition_variable>
#include <mutex>

namespace crema::testing {

/// Somebody whom a store's disk wakes when the store has something to do.
class Woken {
 public:
  void wake() {
    const std::lock_guard lock{mutex_};
    woken_ = true;
    woken_up_.notify_one();
  }
  /// Lets the store go on, each time it has something to do, until the condition holds.
  template <class Store, class Condition>
  void wait(Store& store, Condition condition) {
    while (!condition()) {
      {
        std::unique_lock lock{mutex_};
        woken_up_.wait(lock, [&] { return woken_; });
        woken_ = false;
      }
      store.turn();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_up_;
  bool woken_ = false;
};

}  // namespace crema::testing
