#include "crema/text_writer.hpp"

#include <fmt/format.h>

#include "common/utf8.hpp"
#include "crema/errors.hpp"
#include "io/quote.hpp"

namespace crema::detail {

void check_year(std::chrono::sys_days day) {
  using namespace std::chrono;
  // Beyond these a calendar of the standard library may count wrongly.
  if (day >= sys_days{year{0} / 1 / 1} && day <= sys_days{year{9999} / 12 / 31}) return;
  throw Error{
      fmt::format("writing a time as text, {} days from 1970-01-01: only years from 0 to 9999 have four digits; "
                  "write a number instead",
                  day.time_since_epoch().count())};
}

namespace {

void require_utf8(std::string_view text, const char* format) {
  if (is_utf8(text)) return;
  throw Error{
      fmt::format("writing the text {} as {}: it is no UTF-8; convert it, or write it as numbers or in another format",
                  io::quote(text), format)};
}

}  // namespace

void append_csv_text(std::string& out, std::string_view text) {
  require_utf8(text, "CSV");
  const bool blanks =
      !text.empty() && (text.front() == ' ' || text.front() == '\t' || text.back() == ' ' || text.back() == '\t');
  if (!blanks && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char byte : text) {
    if (byte == '"') out += '"';
    out += byte;
  }
  out += '"';
}

void append_json_text(std::string& out, std::string_view text) {
  require_utf8(text, "JSON");
  out += '"';
  for (const char byte : text) {
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        if (static_cast<unsigned char>(byte) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(byte));
        } else {
          out += byte;
        }
    }
  }
  out += '"';
}

}  // namespace crema::detail
