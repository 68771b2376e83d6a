#include "io/json_array.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <utility>

namespace crema::json {
namespace {

using Kind = Irregular::Kind;

constexpr std::size_t npos = std::string_view::npos;
constexpr const char* blanks = " \t\r\n";
constexpr std::size_t chunk_size = 1 << 20;  // bytes read at a time
/// Of what is no element, bytes that a bad record shows.
constexpr std::size_t most_shown = 64 << 10;

/// Follows the brackets of an element.
struct Brackets {
  std::size_t depth = 0;
  bool in_text = false;
  bool escaped = false;

  /// Whether the element ends in front of this character.
  bool end_at(char character) {
    if (in_text) {
      if (!std::exchange(escaped, !escaped && character == '\\')) in_text = character != '"';
      return false;
    }
    switch (character) {
      case '"':
        in_text = true;
        return false;
      case '[':
      case '{':
        ++depth;
        return false;
      case ']':
        if (depth == 0) return true;
        --depth;
        return false;
      case '}':
        if (depth > 0) --depth;
        return false;
      default:
        return character == ',' && depth == 0;
    }
  }
};

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == npos) return text.substr(text.size());
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

bool is_array(io::TextReader& text) {
  constexpr std::string_view passed_over = "\xEF\xBB\xBF \t\r\n";
  std::array<char, 4096> bytes{};
  std::uint64_t place = 0;
  while (const std::size_t size = text.read(place, bytes.data(), bytes.size())) {
    const std::string_view part{bytes.data(), size};
    if (const std::size_t first = part.find_first_not_of(passed_over); first != npos) return part[first] == '[';
    place += size;
  }
  return false;
}

std::size_t find_element_end(std::string_view text, std::size_t begin) {
  Brackets brackets;
  std::size_t place = begin;
  while (place < text.size() && !brackets.end_at(text[place])) ++place;
  return place;
}

ArrayCutter::ArrayCutter(const Block& file, std::uint64_t block_size, std::size_t longest)
    : file_{file}, block_size_{block_size}, longest_{longest}, text_{file.text.path} {
  std::size_t bracket = npos;
  while (bracket == npos && read_more()) {
    bracket = window_.find('[');
    if (bracket == npos) drop(window_.size());
  }
  if (bracket == npos) next_ = Next::nothing;
  drop(bracket + 1);
}

std::optional<Block> ArrayCutter::next() {
  while (next_ == Next::element && position_ < block_size_) take_element();
  if (next_ == Next::rest && position_ == 0) take_rest();
  if (position_ == 0 && irregular_.empty()) return std::nullopt;
  Block block = file_;
  block.text = {.path = file_.text.path,
                .offset = read_to_ - window_.size(),
                .size = position_,
                .first_line = line_,
                .text = Bytes::copy_of(std::as_bytes(std::span{window_.data(), position_}))};
  block.array = true;
  block.irregular = std::exchange(irregular_, {});
  drop(std::exchange(position_, 0));
  return block;
}

void ArrayCutter::take_element() {
  const Scanned scanned = scan_element();
  const std::string_view record =
      trim(std::string_view{window_}.substr(position_, std::min(scanned.end, window_.size()) - position_));
  const auto begin = static_cast<std::size_t>(record.data() - window_.data());
  const bool first = std::exchange(first_, false);
  if (too_long_) {
    if (scanned.neighbour != npos) {
      too_long_ = false;
      by_lines_ = true;
      return take_up_to(scanned.neighbour, {.begin = begin, .kind = Kind::damaged, .error = simdjson::CAPACITY});
    }
    const std::size_t shown = std::min(record.size(), most_shown);
    irregular_.push_back(
        {.at = position_, .begin = begin, .size = shown, .next = begin + shown, .kind = Kind::too_long});
    position_ = begin + shown;
    next_ = Next::nothing;
    return;
  }
  const char stop = scanned.end < window_.size() ? window_[scanned.end] : '\0';  // '\0': the text ends
  if (stop == '\n') return take_up_to(scanned.end, {.begin = begin, .kind = Kind::no_comma});
  bool closed = stop == ']';
  const bool nothing = record.empty() && (stop == '\0' || (first && closed));
  if (!nothing && (stop == '\0' || scanned.neighbour != npos)) {
    // What is no JSON may lack what ends it, and take the rest of the file with it. Its neighbours are not lost where
    // they begin lines of their own. From then on an element ends there in any case, or each that does not would be
    // looked for through all of the rest.
    simdjson::dom::parser parser;  // of its own: it keeps the memory that the largest element took
    const simdjson::error_code error = parser.parse(record.data(), record.size()).error();
    if (error != simdjson::SUCCESS && scanned.neighbour != npos) {
      by_lines_ = true;
      return take_up_to(scanned.neighbour, {.begin = begin, .kind = Kind::damaged, .error = error});
    }
    closed = closed || error != simdjson::SUCCESS;  // it is this record that says so
  }
  const std::size_t last = position_;
  position_ = std::min(scanned.end + 1, window_.size());
  if (stop == ',') return;
  next_ = stop == ']' ? Next::rest : Next::nothing;
  if (nothing && closed) drop(std::exchange(position_, 0));  // an empty array: no element ends there
  if (closed) return;
  irregular_.push_back(
      {.at = nothing ? last : position_, .begin = position_, .size = 0, .next = position_, .kind = Kind::unclosed});
}

/// `line_feed`: behind which a neighbour begins.
void ArrayCutter::take_up_to(std::size_t line_feed, Irregular irregular) {
  std::string_view record = trim(std::string_view{window_}.substr(irregular.begin, line_feed - irregular.begin));
  if (record.ends_with(',')) record = trim(record.substr(0, record.size() - 1));
  irregular.at = position_;
  irregular.size = record.size();
  irregular.next = position_ = window_.find('{', line_feed);
  irregular_.push_back(irregular);
}

/// What is behind the array. There may be many blanks.
void ArrayCutter::take_rest() {
  std::size_t begin = npos;
  do {
    begin = window_.find_first_not_of(blanks);
    drop(std::min(begin, window_.size()));
  } while (begin == npos && read_more());
  while (window_.size() < most_shown && read_more()) continue;
  const std::string_view record = trim(std::string_view{window_}.substr(0, most_shown));
  next_ = Next::nothing;
  if (record.empty()) return;
  irregular_.push_back({.size = record.size(), .next = record.size(), .kind = Kind::behind});
  position_ = record.size();
}

/// The line feed in front of the first line of an element that may begin the next one is looked for as well.
ArrayCutter::Scanned ArrayCutter::scan_element() {
  Brackets brackets;
  std::size_t begin = npos;
  std::optional<std::size_t> indentation;
  std::size_t neighbour = npos;
  std::size_t place = position_;
  for (; place < window_.size() || read_more(); ++place) {
    const char character = window_[place];
    if (begin == npos && std::string_view{blanks}.find(character) == npos) begin = place;
    if (character == '\n' && begin != npos && neighbour == npos) {
      if (!indentation) indentation = indentation_at(begin);
      if (begins_neighbour(place + 1, *indentation)) {
        if (by_lines_) return {place, npos};
        neighbour = place;
      }
    }
    if (brackets.end_at(character)) break;
  }
  return {place, neighbour};
}

/// Of the line that has this place.
std::size_t ArrayCutter::indentation_at(std::size_t place) const {
  const std::size_t feed = place == 0 ? npos : window_.rfind('\n', place - 1);
  if (feed == npos && indentation_) return *indentation_;
  const std::size_t line = feed + 1;  // 0 where there is none
  return std::min(window_.find_first_not_of(" \t", line), window_.size()) - line;
}

/// Whether this line begins an object, no further right than that.
bool ArrayCutter::begins_neighbour(std::size_t line, std::size_t indentation) {
  std::size_t first = npos;
  for (std::size_t from = line; (first = window_.find_first_not_of(" \t", from)) == npos;) {
    from = window_.size();
    if (!read_more()) return false;
  }
  return window_[first] == '{' && first - line <= indentation;
}

/// False at the end of the text, and where an element is too long.
bool ArrayCutter::read_more() {
  too_long_ = window_.size() - position_ >= longest_;
  if (too_long_) return false;
  const std::size_t before = window_.size();
  window_.resize(before + std::min(chunk_size, longest_));
  text_.forget_before(read_to_);
  const std::size_t got = text_.read(read_to_, window_.data() + before, window_.size() - before);
  window_.resize(before + got);
  read_to_ += got;
  return got != 0;
}

/// The front of the window.
void ArrayCutter::drop(std::size_t size) {
  if (size == 0) return;
  indentation_ = window_[size - 1] == '\n' ? std::nullopt : std::optional{indentation_at(size)};
  const auto end = window_.begin() + static_cast<std::ptrdiff_t>(size);
  line_ += io::count_lines({window_.data(), size});
  window_.erase(window_.begin(), end);
}

}  // namespace crema::json
