#include "common/utf8.hpp"

#include <simdjson.h>

namespace crema {

bool is_utf8(std::string_view text) noexcept { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace crema
