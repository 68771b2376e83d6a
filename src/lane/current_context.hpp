#pragma once

#include "crema/lane_context.hpp"

namespace crema::lane {

/// What LaneContext::current of this thread is from now on; nullptr: nothing.
void set_current_context(LaneContext* context);

}  // namespace crema::lane
