#include "io/csv_records.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "crema/errors.hpp"
#include "io/csv_scanner.hpp"

namespace crema::csv {

Records::Records(Block block, std::unique_ptr<char[]> text)
    : block_{std::move(block)},
      text_{std::move(text)},
      end_{text_.get() + block_.size},
      record_{text_.get()},
      next_{text_.get()},
      next_line_{block_.first_line} {
  // With one line feed more, every record ends with one and no loop has to look for the end of the text as well.
  *end_ = '\n';
}

std::size_t Records::lines() const {
  // The line feed behind the block counts where the last line has none of its own.
  const bool open = end_ != text_.get() && end_[-1] != '\n';
  return static_cast<std::size_t>(std::count<const char*>(text_.get(), end_ + (open ? 1 : 0), '\n'));
}

bool Records::next() {
  char* position = next_;
  while (position < end_ && (*position == '\n' || (*position == '\r' && position[1] == '\n'))) {
    position += *position == '\r' ? 2 : 1;
    ++next_line_;
  }
  if (position >= end_) return false;

  record_ = position;
  line_ = next_line_;
  cells_.clear();
  for (;; ++position) {
    if (*position == '"') {
      cells_.push_back(read_quoted(position));
    } else {
      const char* begin = position;
      while (*position != ',' && *position != '\n') ++position;
      const char* end = position;
      if (*end == '\n' && end != begin && end[-1] == '\r') --end;
      cells_.emplace_back(begin, static_cast<std::size_t>(end - begin));
    }
    if (*position == '\n') break;
  }
  next_ = position + 1;
  ++next_line_;
  return true;
}

std::string_view Records::read_quoted(char*& position) {
  char* const begin = position + 1;
  char* end = begin;  // of the cell, which moves to the front where two quotes become one
  char* from = begin;
  char* quote = nullptr;
  for (;;) {
    quote = static_cast<char*>(std::memchr(from, '"', static_cast<std::size_t>(end_ - from)));
    if (quote == nullptr) {
      fail(position, cells_.size(), unclosed_expected, unclosed_found);
    }
    const auto length = static_cast<std::size_t>(quote - from);
    if (end != from) std::memmove(end, from, length);
    end += length;
    if (quote[1] != '"') break;
    *end++ = '"';
    from = quote + 2;
  }
  // Quotes fill the gap, so that counting line feeds still tells on which line a byte stands.
  std::fill(end, quote, '"');
  next_line_ += static_cast<std::uint64_t>(std::count(begin, end, '\n'));
  position = quote + 1;
  if (*position == '\r' && position[1] == '\n') ++position;
  if (*position != ',' && *position != '\n') {
    const char* stop = std::find(position, end_, '\n');
    fail(position, cells_.size(), "a comma or the end of the line behind a closing quote",
         csv::quote({position, static_cast<std::size_t>(stop - position)}) +
             " (a quote inside a quoted cell is written twice)");
  }
  return {begin, static_cast<std::size_t>(end - begin)};
}

void Records::fail(const char* place, std::size_t cell, std::string expected, std::string found) const {
  const auto line = line_ + static_cast<std::uint64_t>(std::count<const char*>(record_, place, '\n'));
  throw DataError{{.file = block_.path,
                   .line = line,
                   .column = cell < block_.header.size() ? block_.header[cell] : std::string{},
                   .expected = std::move(expected),
                   .found = std::move(found)}};
}

void Records::fail_record(std::string expected, std::string found) const {
  fail(record_, std::string::npos, std::move(expected), std::move(found));
}

void Records::fail_cell(std::size_t cell, std::string expected, std::string found) const {
  fail(cells_[cell].data(), cell, std::move(expected), std::move(found));
}

std::vector<std::size_t> map_columns(const std::string& path, std::span<const std::string> header,
                                     std::span<const std::string> fields, std::uint64_t header_line) {
  const auto fail = [&](const std::string& field, std::string expected) {
    throw DataError{{.file = path,
                     .line = header_line,
                     .column = field,
                     .expected = std::move(expected),
                     .found = fmt::format("the columns \"{}\"", fmt::join(header, "\", \""))}};
  };
  std::vector<std::size_t> columns;
  for (const std::string& field : fields) {
    const auto place = std::ranges::find(header, field);
    if (place == header.end()) fail(field, "this column in the header");
    if (std::find(place + 1, header.end(), field) != header.end()) {
      fail(field, "this column once in the header (which of them is meant?)");
    }
    columns.push_back(static_cast<std::size_t>(place - header.begin()));
  }
  return columns;
}

std::string quote(std::string_view text) {
  constexpr std::size_t longest = 60;  // bytes: enough to recognise the cell
  const bool cut = text.size() > longest;
  if (cut) {
    std::size_t size = longest;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;  // whole UTF-8 characters
    text = text.substr(0, size);
  }
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '\n') {
      quoted += "\\n";
    } else if (character == '\r') {
      quoted += "\\r";
    } else {
      quoted += character;
    }
  }
  return quoted + (cut ? "…\"" : "\"");
}

}  // namespace crema::csv
