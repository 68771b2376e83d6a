#include "crema/ids.hpp"

#include <fmt/format.h>

namespace crema {

std::string to_string(TaskKey key) { return fmt::format("{:016x}{:016x}", key.high, key.low); }

}  // namespace crema
