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
  const std::string what = record_.empty() ? "nothing" : io::quote(record_);
  fail({},
       array_ ? "a JSON value as an element of the array"
              : "one whole JSON value on each line, or an array as the whole file",
       fmt::format("{} ({})", what, simdjson::error_message(error)));
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

/// `position_` is at the bracket or comma in front of the element.
bool Records::next_element() {
  if (closed_) return end_array();
  const bool first = text_[position_] == '[';
  ++position_;
  const std::size_t end = find_element_end();
  record_ = trim(text_.substr(position_, end - position_));
  position_ = end;
  if (end < text_.size() && text_[end] == ',') return true;
  closed_ = true;
  if (end == text_.size() || text_[end] == '}') {
    ended_ = true;
    fail({}, "a comma or ] behind this element of the array", end == text_.size() ? "the end of the file" : "}");
  }
  ++position_;
  return first && record_.empty() ? end_array() : true;
}

/// There are no more elements, and nothing else either.
bool Records::end_array() {
  if (ended_) return false;
  ended_ = true;
  record_ = trim(text_.substr(position_));
  if (!record_.empty()) fail({}, "nothing behind the array that is the file", io::quote(record_));
  return false;
}

/// The comma or bracket behind the element, found by counting brackets outside of text; the end of the file where there
/// is none.
std::size_t Records::find_element_end() const {
  std::size_t depth = 0;
  for (std::size_t place = position_; place < text_.size(); ++place) {
    switch (text_[place]) {
      case '"':
        for (++place; place < text_.size() && text_[place] != '"'; ++place) {
          if (text_[place] == '\\') ++place;
        }
        break;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        if (depth == 0) return place;
        --depth;
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
