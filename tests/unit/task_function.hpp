#pragma once

#include "crema/registry.hpp"
#include "crema/task.hpp"

// What tasks are of in tests that play the workers: nobody runs it.
namespace crema::head {

inline int task_body(int x) { return x; }
inline FunctionId task_function() { return detail::registered_id<detail::TaskFunction<task_body>>; }

}  // namespace crema::head
