#include "io/csv_scanner.hpp"

#include <algorithm>

namespace crema::csv {
namespace {

/// The position of `wanted` in [begin, end) of the chunk, or `end`. string_view::find is memchr underneath.
std::size_t find(std::string_view chunk, char wanted, std::size_t begin, std::size_t end) {
  const std::size_t place = chunk.substr(0, end).find(wanted, begin);
  return place == std::string_view::npos ? end : place;
}

}  // namespace

std::size_t RecordScanner::find_end(std::string_view chunk, std::size_t from) {
  const std::size_t size = chunk.size();
  if (size == 0) return npos;
  std::size_t position = 0;
  std::size_t line_feed = find(chunk, '\n', std::min(from, size), size);

  while (position < size) {
    if (state_ == State::quoted) {
      const std::size_t quote = find(chunk, '"', position, size);
      if (quote < size) state_ = State::quote_in_quoted;
      position = std::min(quote + 1, size);
      continue;
    }
    if (state_ == State::quote_in_quoted) {
      const bool doubled = chunk[position] == '"';
      state_ = doubled ? State::quoted : State::unquoted;
      if (doubled) ++position;
      continue;
    }
    // Outside quotes: a quote before the line feed may open a cell that holds that line feed.
    if (line_feed < position) line_feed = find(chunk, '\n', position, size);
    const std::size_t quote = find(chunk, '"', position, line_feed);
    if (quote == line_feed && line_feed < size) {
      state_ = State::cell_start;
      consumed_ += line_feed + 1;
      return line_feed + 1;
    }
    if (quote == size) {
      state_ = chunk.back() == ',' || chunk.back() == '\n' ? State::cell_start : State::unquoted;
      break;
    }
    const bool opens =
        quote == position ? state_ == State::cell_start : chunk[quote - 1] == ',' || chunk[quote - 1] == '\n';
    state_ = opens ? State::quoted : State::unquoted;
    if (opens) quote_offset_ = consumed_ + quote;
    position = quote + 1;
  }
  consumed_ += size;
  return npos;
}

}  // namespace crema::csv
