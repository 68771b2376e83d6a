#pragma once

#include <string>
#include <string_view>

namespace crema::io {

/// A text for an error message: cut where it is long, control characters written as \n or \x00.
std::string shortened(std::string_view text);
/// The same in quotes.
std::string quote(std::string_view text);

/// The text, with its bytes from 0x80 on as \xe9 where it is no UTF-8.
std::string as_utf8(std::string text);

}  // namespace crema::io
