#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "crema/archive.hpp"
#include "crema/lane_context.hpp"

namespace crema {

namespace detail {

/// The untyped half of a future: names a value, and lets it go when the last copy goes.
class FutureHandle {
 public:
  FutureHandle() = default;
  explicit FutureHandle(TaskId id);

  /// Zero for a future that was default-constructed.
  [[nodiscard]] TaskId id() const noexcept { return state_ ? state_->id : TaskId{}; }
  [[nodiscard]] bool ready() const;
  /// Waits; throws what the task threw.
  [[nodiscard]] const Bytes& value() const;
  /// Waits for all, or until one has failed, which its value() then tells.
  static void prefetch(std::span<const FutureHandle* const> futures);
  /// Waits for all; throws the first failure in order among those that are known.
  static void wait_for_all(std::span<const FutureHandle* const> futures);

 private:
  struct State {
    State(TaskId task, std::shared_ptr<LaneContext> lane) : id{task}, context{std::move(lane)} {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { context->release(id); }

    TaskId id;
    std::shared_ptr<LaneContext> context;
    std::optional<Result> result;
  };

  /// Waits for these, which lack their results, or until one has failed.
  static void fetch(std::vector<State*>& missing);

  std::shared_ptr<State> state_;
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
    const Bytes& bytes = handle_.value();
    if constexpr (!std::is_void_v<T>) {
      ByteReader reader{bytes};
      return decode<T>(reader);
    }
  }
  /// Whether get would return (or throw) without waiting. One round trip to the head.
  [[nodiscard]] bool ready() const { return handle_.ready(); }
  [[nodiscard]] TaskId id() const noexcept { return handle_.id(); }
  /// Waits for all in one request, or until one has failed. Throws nothing of theirs.
  static void prefetch(std::span<const Future> futures) { detail::FutureHandle::prefetch(handles(futures)); }
  /// Waits for all; throws the first failure in order among those that are known.
  static void wait_for_all(std::span<const Future> futures) { detail::FutureHandle::wait_for_all(handles(futures)); }
  [[nodiscard]] const detail::FutureHandle& handle() const noexcept { return handle_; }

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
