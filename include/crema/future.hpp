#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/archive.hpp"
#include "crema/lane_context.hpp"

namespace crema {

namespace detail {

[[noreturn]] void throw_timeout(TaskId id, std::chrono::nanoseconds timeout);

/// The untyped half of a future: names a value, and lets it go when the last copy goes. One pointer, and 80 bytes for
/// all copies together: a driver may keep millions.
class FutureHandle {
 public:
  FutureHandle() = default;
  FutureHandle(const FutureHandle& other) noexcept : state_{other.state_} {
    if (state_ != nullptr) state_->references.fetch_add(1, std::memory_order_relaxed);
  }
  FutureHandle(FutureHandle&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
  FutureHandle& operator=(FutureHandle other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~FutureHandle() {
    if (state_ != nullptr && state_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete state_;
  }
  /// Of a value this lane has just asked for.
  explicit FutureHandle(Named<TaskId> value);
  /// Of a value whose future came from elsewhere; zero: empty.
  static FutureHandle received(Named<TaskId> value);
  /// Its future is being sent elsewhere, its id from this place of the message on.
  void carry(std::uint64_t offset) const;

  /// Zero for a future that was default-constructed.
  [[nodiscard]] TaskId id() const noexcept { return state_ != nullptr ? state_->id : TaskId{}; }
  [[nodiscard]] TaskKey key() const noexcept { return state_ != nullptr ? state_->key : TaskKey{}; }
  [[nodiscard]] bool ready() const;
  void cancel() const;
  /// Waits; throws what the task threw. A large value is fetched from the rank's store each time.
  [[nodiscard]] Bytes value() const;
  /// The places of those that are there, in order, at most `count`, once so many are or the time is over.
  static std::vector<std::uint32_t> wait(std::span<const FutureHandle* const> futures, std::size_t count,
                                         std::optional<std::chrono::nanoseconds> timeout);
  /// Waits for all, or until one has failed, which its value() then tells.
  static void prefetch(std::span<const FutureHandle* const> futures);
  /// Waits for all; throws the first failure in order among those that are known.
  static void wait_for_all(std::span<const FutureHandle* const> futures);

 private:
  struct State {
    State(Named<TaskId> value, std::shared_ptr<LaneContext> lane)
        : id{value.id}, key{value.key}, context{std::move(lane)} {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { context->release(id); }

    void keep(Result result) {
      known = true;
      failed = result.failed;
      large = result.large;
      bytes = std::move(result.bytes);
    }

    std::atomic<std::uint32_t> references{1};
    bool known = false;  ///< the result, which is:
    bool failed = false;
    bool large = false;
    TaskId id;
    TaskKey key;
    std::shared_ptr<LaneContext> context;
    Bytes bytes;
  };

  /// Waits for these, which lack their results, or until one has failed.
  static void fetch(std::vector<State*>& missing);
  /// Throws what the work threw. Requires that the result is known.
  static void throw_if_failed(const State& state);

  State* state_ = nullptr;  // counted
};

}  // namespace detail

/// A value that a task or an actor call will yield. Copies are equal and name the same value; dropping one cancels
/// nothing. Thread safety: used on the lane that made it; may be destroyed anywhere.
template <class T>
class Future {
 public:
  using value_type = T;

  Future() = default;
  explicit Future(detail::FutureHandle handle) : handle_{std::move(handle)} {}

  /// Waits for the value. Throws TaskError (ActorError, DataError, …) when the task failed, UsageError on an empty
  /// future.
  T get() const {
    Bytes bytes = handle_.value();
    if constexpr (!std::is_void_v<T>) {
      ByteReader reader{std::move(bytes)};
      return decode<T>(reader);
    }
  }
  /// The same, but throws Timeout when the value is not there after this time; the task goes on. Zero: only looks.
  T get(std::chrono::nanoseconds timeout) const {
    if (timeout < std::chrono::nanoseconds::max()) {
      const detail::FutureHandle* handle = &handle_;
      if (detail::FutureHandle::wait({&handle, 1}, 1, timeout).empty()) detail::throw_timeout(handle_.id(), timeout);
    }
    return get();
  }
  /// A task that has not begun never will, and its future throws TaskCancelled; so do those of tasks that need its
  /// value. One that runs is told through this_task().cancelled(), or, where it waits inside one of crema's calls,
  /// by TaskCancelled, which that call throws once; its future throws TaskCancelled once it has ended; after 2 s its
  /// process is ended (--isolation process). What it has started goes on: cancel what nobody needs before leaving.
  /// Nothing happens to a task that has ended, and to actor calls, which keep their place. Returns at once.
  void cancel() const { handle_.cancel(); }
  /// Whether get would return (or throw) without waiting. One round trip to the head.
  [[nodiscard]] bool ready() const { return handle_.ready(); }
  [[nodiscard]] TaskId id() const noexcept { return handle_.id(); }
  /// The same in every run of the program, on any number of ranks.
  [[nodiscard]] TaskKey key() const noexcept { return handle_.key(); }
  /// Waits for all in one request, or until one has failed. Throws nothing of theirs.
  static void prefetch(std::span<const Future> futures) { detail::FutureHandle::prefetch(handles(futures)); }
  /// Waits for all; throws the first failure in order among those that are known.
  static void wait_for_all(std::span<const Future> futures) { detail::FutureHandle::wait_for_all(handles(futures)); }
  [[nodiscard]] const detail::FutureHandle& handle() const noexcept { return handle_; }

  /// Places of those that are there; see crema::wait.
  static std::vector<std::uint32_t> wait(std::span<const Future> futures, std::size_t count,
                                         std::optional<std::chrono::nanoseconds> timeout) {
    return detail::FutureHandle::wait(handles(futures), count, timeout);
  }

  friend bool operator==(const Future& a, const Future& b) noexcept { return a.id() == b.id(); }
  friend auto operator<=>(const Future& a, const Future& b) noexcept { return a.id() <=> b.id(); }

 private:
  static std::vector<const detail::FutureHandle*> handles(std::span<const Future> futures) {
    std::vector<const detail::FutureHandle*> all;
    all.reserve(futures.size());
    for (const Future& future : futures) all.push_back(&future.handle_);
    return all;
  }

  detail::FutureHandle handle_;
};

namespace detail {

/// A future travels as the id of its value; every place that holds one counts.
template <class T>
struct Codec<Future<T>> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const Future<T>& future) {
    if (future.id() != TaskId{}) future.handle().carry(archive.buffer().size());
    archive.buffer().put(future.id());
    archive.buffer().put(future.handle().key());
  }
  static void read(InArchive& archive, Future<T>& future) {
    const auto id = archive.reader().get<TaskId>();
    future = Future<T>{FutureHandle::received({id, archive.reader().get<TaskKey>()})};
  }
};

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<Future<T>> = true;

}  // namespace detail

/// Waits for all values, in one request. Throws as soon as one has failed.
template <class T>
std::vector<T> get(const std::vector<Future<T>>& futures) {
  Future<T>::wait_for_all(futures);
  std::vector<T> values;
  values.reserve(futures.size());
  for (const Future<T>& future : futures) values.push_back(future.get());
  return values;
}

inline void get(const std::vector<Future<void>>& futures) { Future<void>::wait_for_all(futures); }

}  // namespace crema

template <class T>
struct std::hash<crema::Future<T>> {
  std::size_t operator()(const crema::Future<T>& future) const noexcept {
    return std::hash<crema::TaskId>{}(future.id());
  }
};
