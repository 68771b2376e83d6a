#include "io/json_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "crema/errors.hpp"
#include "io/line_partitioner.hpp"
#include "io/quote.hpp"

namespace crema::json {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr const char* blanks = " \t\r\n";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return text.substr(text.size());
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

}  // namespace

bool is_array(const io::File& file) {
  constexpr std::string_view passed_over = "\xEF\xBB\xBF \t\r\n";
  std::array<char, 4096> bytes{};
  for (std::uint64_t place = 0; place < file.size(); place += bytes.size()) {
    const std::size_t size = std::min<std::uint64_t>(bytes.size(), file.size() - place);
    file.read(place, bytes.data(), size);
    const std::string_view text{bytes.data(), size};
    if (const std::size_t first = text.find_first_not_of(passed_over); first != std::string_view::npos)
      return text[first] == '[';
  }
  return false;
}

Records::Records(const Block& block)
    : block_{block.text}, memory_{io::read_block(block.text, simdjson::SIMDJSON_PADDING)} {
  text_ = {memory_.bytes.get(), memory_.size};
  if (block_.offset != 0) return;
  if (text_.starts_with(byte_order_mark)) position_ = byte_order_mark.size();
  const std::size_t first = text_.find_first_not_of(blanks, position_);
  array_ = first != std::string_view::npos && text_[first] == '[';
  if (array_) position_ = first;
}

std::size_t Records::lines() const {
  return array_ ? 0 : static_cast<std::size_t>(std::ranges::count(text_, '\n')) + 1;
}

bool Records::next() {
  if (array_ ? !next_element() : !next_line()) return false;
  const simdjson::error_code error = parser_.parse(record_.data(), record_.size(), false).get(value_);
  if (error == simdjson::SUCCESS) return true;
  if (array_) end_before_neighbour();
  fail({},
       array_ ? "a JSON value as an element of the array"
              : "one whole JSON value on each line, or an array as the whole file",
       record_.empty() ? "a comma too many"
                       : fmt::format("{} ({})", io::quote(record_), simdjson::error_message(error)));
}

bool Records::next_line() {
  while (position_ < text_.size()) {
    const std::size_t end = std::min(text_.find('\n', position_), text_.size());
    record_ = trim(text_.substr(position_, end - position_));
    position_ = std::min(end + 1, text_.size());
    if (!record_.empty()) return true;
  }
  return false;
}

/// `position_` is in front of the element: at a bracket, a comma, or what stands before a line.
bool Records::next_element() {
  if (closed_) return end_array();
  const bool first = text_[position_] == '[';
  ++position_;
  const std::size_t end = find_element_end();
  record_ = trim(text_.substr(position_, end - position_));
  position_ = end;
  if (end < text_.size() && text_[end] == ',') return true;
  if (end < text_.size() && text_[end] == '\n') {
    end_record_before(end);
    fail({}, "a comma or ] behind this element of the array", "a line with another one");
  }
  closed_ = true;
  unclosed_ = end == text_.size();
  if (!unclosed_) ++position_;
  return record_.empty() && (first || unclosed_) ? end_array() : true;
}

/// What is no JSON may lack what ends it, and take the rest of the file with it. Its neighbours are not lost where they
/// begin lines of their own. From then on an element ends there in any case, or each that does not would be looked for
/// through all of the rest.
void Records::end_before_neighbour() {
  unclosed_ = false;  // it is this record that says so
  const auto begin = static_cast<std::size_t>(record_.data() - text_.data());
  const std::size_t indentation = indentation_at(begin);
  for (std::size_t line = text_.find('\n', begin); line < begin + record_.size(); line = text_.find('\n', line + 1)) {
    if (!begins_neighbour(line + 1, indentation)) continue;
    by_lines_ = true;
    closed_ = false;
    return end_record_before(line);
  }
}

/// `line_feed`: behind which a neighbour begins.
void Records::end_record_before(std::size_t line_feed) {
  const auto begin = static_cast<std::size_t>(record_.data() - text_.data());
  record_ = trim(text_.substr(begin, line_feed - begin));
  if (record_.ends_with(',')) record_ = trim(record_.substr(0, record_.size() - 1));
  position_ = text_.find('{', line_feed) - 1;
}

/// Of the line that has this place.
std::size_t Records::indentation_at(std::size_t place) const {
  const std::size_t line = text_.substr(0, place).rfind('\n') + 1;  // 0 where there is none
  return std::min(text_.find_first_not_of(" \t", line), text_.size()) - line;
}

/// Whether this line begins an object, no further right than that.
bool Records::begins_neighbour(std::size_t line, std::size_t indentation) const {
  const std::size_t first = text_.find_first_not_of(" \t", line);
  return first != std::string_view::npos && text_[first] == '{' && first - line <= indentation;
}

/// There are no more elements, and nothing else either.
bool Records::end_array() {
  if (ended_) return false;
  ended_ = true;
  record_ = trim(text_.substr(position_));
  if (unclosed_) fail({}, "a ] behind the last element of the array", "the end of the file");
  if (!record_.empty()) fail({}, "nothing behind the array that is the file", io::quote(record_));
  return false;
}

/// The comma or bracket behind the element, found by counting brackets outside of text; the end of the file where there
/// is none. A brace too many belongs to the element, which is no JSON then. With by_lines_ also the line feed in front
/// of a neighbour.
std::size_t Records::find_element_end() const {
  const std::size_t begin = std::min(text_.find_first_not_of(blanks, position_), text_.size());
  const std::size_t indentation = by_lines_ ? indentation_at(begin) : 0;
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t place = begin; place < text_.size(); ++place) {
    const char character = text_[place];
    if (character == '\n' && by_lines_ && begins_neighbour(place + 1, indentation)) return place;
    if (in_text) {
      if (character == '\\') ++place;
      in_text = character != '"';
      continue;
    }
    switch (character) {
      case '"':
        in_text = true;
        break;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
        if (depth == 0) return place;
        --depth;
        break;
      case '}':
        if (depth > 0) --depth;
        break;
      case ',':
        if (depth == 0) return place;
        break;
      default:
        break;
    }
  }
  return text_.size();
}

std::uint64_t Records::line_of(std::size_t place) {
  if (line_ == 0) line_ = io::first_line_of(block_);
  line_ += static_cast<std::uint64_t>(std::ranges::count(text_.substr(counted_to_, place - counted_to_), '\n'));
  counted_to_ = place;
  return line_;
}

void Records::fail(std::string field, std::string expected, std::string found) {
  throw DataError{{.file = block_.path,
                   .line = line_of(static_cast<std::size_t>(record_.data() - text_.data())),
                   .column = std::move(field),
                   .expected = std::move(expected),
                   .found = std::move(found)}};
}

}  // namespace crema::json
