#include "io/quote.hpp"

#include <fmt/format.h>

#include <cstddef>

#include "common/utf8.hpp"

namespace crema::io {

std::string shortened(std::string_view text) {
  constexpr std::size_t longest = 60;  // bytes: enough to recognise it
  const bool cut = text.size() > longest;
  if (cut) {
    std::size_t size = longest;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;  // whole UTF-8 characters
    text = text.substr(0, size);
  }
  std::string shown;
  for (const char character : as_utf8(std::string{text})) {
    if (character == '\n') {
      shown += "\\n";
    } else if (character == '\r') {
      shown += "\\r";
    } else if (const auto byte = static_cast<unsigned char>(character); byte < 0x20 || byte == 0x7F) {
      shown += fmt::format("\\x{:02x}", byte);  // a zero would end the message
    } else {
      shown += character;
    }
  }
  return cut ? shown + "…" : shown;
}

std::string as_utf8(std::string text) {
  if (is_utf8(text)) return text;
  std::string shown;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) {
      shown += character;
    } else {
      shown += fmt::format("\\x{:02x}", byte);
    }
  }
  return shown;
}

std::string quote(std::string_view text) { return '"' + shortened(text) + '"'; }

}  // namespace crema::io
