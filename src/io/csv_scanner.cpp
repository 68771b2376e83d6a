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

std::size_t RecordScanner::find_quote(std::string_view chunk, std::size_t begin, std::size_t end) const {
  return quote_ == '\0' ? end : find(chunk, quote_, begin, end);
}

/// Whether `place` stands in a comment, where the text from `begin` to there has no quotes that count.
bool RecordScanner::in_comment(std::string_view chunk, std::size_t begin, std::size_t place) const {
  if (comment_ == '\0') return false;
  const std::size_t line = chunk.substr(begin, place - begin).rfind('\n');
  if (line == npos) return state_ == State::line_start && chunk[begin] == comment_;
  return begin + line + 1 < chunk.size() && chunk[begin + line + 1] == comment_;
}

RecordScanner::State RecordScanner::state_at_end(std::string_view chunk, std::size_t begin) const {
  if (chunk.back() == '\n') return State::line_start;
  if (in_comment(chunk, begin, chunk.size())) return State::comment;
  return chunk.back() == delimiter_ ? State::cell_start : State::unquoted;
}

std::size_t RecordScanner::find_end(std::string_view chunk, std::size_t from) {
  const std::size_t size = chunk.size();
  if (size == 0) return npos;
  std::size_t position = 0;
  std::size_t line_feed = find(chunk, '\n', std::min(from, size), size);

  while (position < size) {
    if (state_ == State::quoted) {
      const std::size_t quote = find_quote(chunk, position, size);
      if (quote < size) state_ = State::quote_in_quoted;
      position = std::min(quote + 1, size);
      continue;
    }
    if (state_ == State::quote_in_quoted) {
      const bool doubled = chunk[position] == quote_;
      state_ = doubled ? State::quoted : State::unquoted;
      if (doubled) ++position;
      continue;
    }
    if (state_ == State::comment) {
      const std::size_t end = find(chunk, '\n', position, size);
      if (end == size) break;
      // The line feed is looked at below, as that of a line without quotes.
      position = end;
      state_ = State::unquoted;
    }
    // Outside quotes: a quote before the line feed may open a cell that holds that line feed.
    if (line_feed < position) line_feed = find(chunk, '\n', position, size);
    const std::size_t quote = find_quote(chunk, position, line_feed);
    if (quote == line_feed && line_feed < size) {
      state_ = State::line_start;
      consumed_ += line_feed + 1;
      return line_feed + 1;
    }
    if (quote == size) {
      state_ = state_at_end(chunk, position);
      break;
    }
    if (in_comment(chunk, position, quote)) {
      state_ = State::comment;
      position = quote + 1;
      continue;
    }
    const bool opens = quote == position ? state_ == State::cell_start || state_ == State::line_start
                                         : chunk[quote - 1] == delimiter_ || chunk[quote - 1] == '\n';
    state_ = opens ? State::quoted : State::unquoted;
    if (opens) quote_offset_ = consumed_ + quote;
    position = quote + 1;
  }
  consumed_ += size;
  return npos;
}

}  // namespace crema::csv
