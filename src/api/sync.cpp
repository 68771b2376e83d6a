#include "crema/sync.hpp"

#include "crema/lane_context.hpp"

namespace crema {

void sync() { LaneContext::current().sync(); }

}  // namespace crema
