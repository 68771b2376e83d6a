#pragma once

#include <type_traits>
#include <utility>

#include "crema/function.hpp"
#include "crema/future.hpp"
#include "crema/lane_context.hpp"
#include "crema/options.hpp"

namespace crema {

namespace detail {

template <class Wrapper, class... Arguments>
auto submit(const TaskOptions& options, Arguments&&... arguments) {
  using signature = typename Wrapper::signature;
  crema::Arguments encoded = encode_arguments<signature>(std::forward<Arguments>(arguments)...);
  return future_of<signature>{
      FutureHandle{LaneContext::current().submit(registered_id<Wrapper>, options, std::move(encoded))}};
}

template <class Lambda, class... Arguments>
auto submit_lambda(const TaskOptions& options, Arguments&&... arguments) {
  static_assert(std::is_class_v<Lambda>,
                "crema: pass a function as a template argument, remote<function>(arguments...); only a lambda is "
                "passed as a value");
  require_captureless<Lambda>();
  if constexpr (std::is_empty_v<Lambda> && std::is_default_constructible_v<Lambda>) {
    return submit<LambdaFunction<Lambda>>(options, std::forward<Arguments>(arguments)...);
  }
}

}  // namespace detail

/// Starts `function(arguments...)` as a task on some worker and returns at once. `function` is a free function or a
/// captureless lambda; its parameters are values, const& or std::span<const T>. Callable from the driver, tasks and
/// actors.
///
/// A Future<T> passed where the function takes T makes the task wait for that value, a std::vector<Future<T>> where it
/// takes std::vector<T> for all of them; a failed one fails the task with the same error. A Future<T> passed where the
/// function takes Future<T> travels as a future. A function that returns a Future<T> yields a Future<T>.
template <auto function, class... Arguments>
auto remote(Arguments&&... arguments) {
  return detail::submit<detail::TaskFunction<function>>(TaskOptions{}, std::forward<Arguments>(arguments)...);
}

/// The same for a captureless lambda passed as a value.
template <class Lambda, class... Arguments>
auto remote(Lambda, Arguments&&... arguments) {
  return detail::submit_lambda<Lambda>(TaskOptions{}, std::forward<Arguments>(arguments)...);
}

/// What with(TaskOptions) returns: the same calls with other options.
class TaskCaller {
 public:
  explicit TaskCaller(TaskOptions options) : options_{std::move(options)} {}

  template <auto function, class... Arguments>
  auto remote(Arguments&&... arguments) const {
    return detail::submit<detail::TaskFunction<function>>(options_, std::forward<Arguments>(arguments)...);
  }
  template <class Lambda, class... Arguments>
  auto remote(Lambda, Arguments&&... arguments) const {
    return detail::submit_lambda<Lambda>(options_, std::forward<Arguments>(arguments)...);
  }

 private:
  TaskOptions options_;
};

inline TaskCaller with(TaskOptions options) { return TaskCaller{std::move(options)}; }

}  // namespace crema
