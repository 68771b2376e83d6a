#pragma once

#include <functional>

#include "crema/arguments.hpp"

namespace crema::wire {

/// The arguments with the values of their inputs in place, so that none are left. `value_of` is asked for each input,
/// by rising offset.
Arguments fill_in(const Arguments& arguments, const std::function<Bytes(TaskId)>& value_of);

}  // namespace crema::wire
