#pragma once

#include <string_view>

namespace crema {

/// Whether all of it is UTF-8. At the speed of memory.
bool is_utf8(std::string_view text) noexcept;

}  // namespace crema
