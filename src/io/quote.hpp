#pragma once

#include <string>
#include <string_view>

namespace crema::io {

/// A text for an error message: cut where it is long, control characters written as \n or \x00.
std::string shortened(std::string_view text);
/// The same in quotes.
std::string quote(std::string_view text);

}  // namespace crema::io
