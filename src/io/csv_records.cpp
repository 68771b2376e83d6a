#include "io/csv_records.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "crema/errors.hpp"
#include "io/csv_scanner.hpp"
#include "io/quote.hpp"

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

/// Moves to a line that is neither blank nor a comment; false where there is none.
bool Records::skip_lines() {
  const char comment = block_.options.comment;
  while (next_ < end_) {
    if (*next_ == '\n' || (*next_ == '\r' && next_[1] == '\n')) {
      next_ += *next_ == '\r' ? 2 : 1;
    } else if (comment != '\0' && *next_ == comment) {
      next_ = std::find(next_, end_, '\n') + 1;
    } else {
      return true;
    }
    ++next_line_;
  }
  return false;
}

bool Records::next() {
  if (!skip_lines()) return false;
  const char delimiter = block_.options.delimiter;
  const char quote = block_.options.quote;
  char* position = next_;
  record_ = position;
  line_ = next_line_;
  cells_.clear();
  for (;; ++position) {
    if (*position == quote && quote != '\0') {
      cells_.push_back(read_quoted(position));
    } else {
      const char* begin = position;
      while (*position != delimiter && *position != '\n') ++position;
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
  const char mark = block_.options.quote;
  char* const begin = position + 1;
  bool doubled = false;
  char* quote = begin;
  for (;; quote += 2, doubled = true) {
    quote = static_cast<char*>(std::memchr(quote, mark, static_cast<std::size_t>(end_ - quote)));
    if (quote == nullptr) fail_unclosed(position);
    if (quote[1] != mark) break;
  }
  char* end = quote;  // of the cell, which moves to the front where two quotes become one
  if (doubled) {
    end = begin;
    for (const char* from = begin; from < quote; ++from) {
      *end++ = *from;
      if (*from == mark) ++from;
    }
  }
  // Quotes fill the gap, so that counting line feeds still tells on which line a byte stands.
  std::fill(std::min(end, quote), quote, mark);
  next_line_ += static_cast<std::uint64_t>(std::count(begin, end, '\n'));
  position = quote + 1;
  if (*position == '\r' && position[1] == '\n') ++position;
  if (*position != block_.options.delimiter && *position != '\n') fail_closing_quote(position);
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// `position` is at the quote that nothing closes: this record ends with its line.
void Records::fail_unclosed(char* position) {
  next_ = std::min(std::find(position, end_, '\n') + 1, end_);
  ++next_line_;
  fail(position, cells_.size(), unclosed_expected, unclosed_found);
}

/// `position` is behind the closing quote that is none.
void Records::fail_closing_quote(char* position) {
  CsvOptions rest = block_.options;
  rest.comment = '\0';  // it is in the middle of a line
  const std::size_t size = RecordScanner{rest}.find_end({position, static_cast<std::size_t>(end_ + 1 - position)}, 0);
  next_ = size == RecordScanner::npos ? end_ : position + size;
  next_line_ += static_cast<std::uint64_t>(std::count(position, next_, '\n'));
  const char* stop = std::find(position, end_, '\n');
  const char delimiter = block_.options.delimiter;
  fail(position, cells_.size(),
       (delimiter == ',' ? std::string{"a comma"} : io::quote({&delimiter, 1})) +
           " or the end of the line behind a closing quote",
       io::quote({position, static_cast<std::size_t>(stop - position)}) +
           " (a quote inside a quoted cell is written twice)");
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

}  // namespace crema::csv
