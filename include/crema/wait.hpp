#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "crema/errors.hpp"
#include "crema/future.hpp"

namespace crema {

/// How long wait waits.
struct WaitOptions {
  std::size_t count = 1;                              ///< until so many are there; more than there are futures: all
  std::optional<std::chrono::nanoseconds> timeout{};  ///< none: for ever; zero: only looks
};

/// What wait found. Both keep the order of the futures given.
template <class T>
struct Waited {
  std::vector<Future<T>> ready;  ///< at most WaitOptions::count; their get returns, or throws, at once
  std::vector<Future<T>> pending;
};

/// Waits until `count` of the futures are there (failed ones count), or the time is over. One round trip, whatever the
/// number of futures. Throws UsageError on an empty future.
template <class T>
Waited<T> wait(const std::vector<Future<T>>& futures, const WaitOptions& options = {}) {
  Waited<T> waited;
  const std::vector<std::uint32_t> places = Future<T>::wait(futures, options.count, options.timeout);
  std::size_t next = 0;
  for (std::uint32_t place = 0; place < futures.size(); ++place) {
    const bool ready = next < places.size() && places[next] == place;
    if (ready) ++next;
    (ready ? waited.ready : waited.pending).push_back(futures[place]);
  }
  return waited;
}

namespace detail {

/// The untyped half of as_completed: which of the watched completes next.
class CompletionWatch {
 public:
  explicit CompletionWatch(const std::vector<Named<TaskId>>& futures);
  ~CompletionWatch();
  CompletionWatch(const CompletionWatch&) = delete;
  CompletionWatch& operator=(const CompletionWatch&) = delete;

  [[nodiscard]] TaskId next();

 private:
  std::shared_ptr<LaneContext> lane_;
  std::uint64_t number_;
};

}  // namespace detail

/// Futures in the order in which they complete, also those that were complete before: a single-pass range that owns
/// what it needs. Equal futures come once for each time they were given. Thread safety: used on the lane that made it.
template <class T>
class AsCompleted {
 public:
  class iterator {
   public:
    using value_type = Future<T>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(AsCompleted* range) : range_{range} { ++*this; }

    const Future<T>& operator*() const { return range_->current_; }
    iterator& operator++() {
      if (!range_->advance()) range_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, std::default_sentinel_t) { return a.range_ == nullptr; }

   private:
    AsCompleted* range_ = nullptr;
  };

  explicit AsCompleted(const std::vector<Future<T>>& futures) : left_{futures.size()} {
    std::vector<Named<TaskId>> named;
    for (const Future<T>& future : futures) {
      if (future.id() == TaskId{}) throw UsageError{"waiting for an empty future: assign it from remote() first"};
      auto& equal = futures_[future.id()];
      if (equal.empty()) named.push_back({future.id(), future.key()});
      equal.push_back(future);
    }
    if (left_ > 0) watch_ = std::make_unique<detail::CompletionWatch>(named);
  }

  /// Waits for the first.
  iterator begin() { return iterator{this}; }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  bool advance() {
    if (left_ == 0) return false;
    --left_;
    if (completed_.empty()) completed_ = std::move(futures_.extract(watch_->next()).mapped());
    current_ = std::move(completed_.back());
    completed_.pop_back();
    return true;
  }

  std::unordered_map<TaskId, std::vector<Future<T>>> futures_;  // not completed
  std::vector<Future<T>> completed_;                            // equal ones that come next
  std::size_t left_;
  Future<T> current_;
  std::unique_ptr<detail::CompletionWatch> watch_;
};

/// for (Future<T> future : as_completed(futures)): each as soon as it is there, failed ones included.
template <class T>
AsCompleted<T> as_completed(const std::vector<Future<T>>& futures) {
  return AsCompleted<T>{futures};
}

/// Stores a value once, to be passed to many tasks: each rank gets it at most once. Returns at once; where a task, an
/// actor or the driver stores values faster than its rank has room for them or the disk takes them, it waits as soon as
/// 64 MiB of them lack room. Throws Error where the disk does not take one of those before.
template <class T>
Future<T> put(const T& value) {
  const CarriedFutures carried;
  ByteBuffer encoded;
  encode(encoded, value);
  return Future<T>{detail::FutureHandle{LaneContext::current().put(
      {.bytes = Bytes{std::move(encoded)}, .carried = carried.ids(), .mentions = carried.mentions()})}};
}

}  // namespace crema
