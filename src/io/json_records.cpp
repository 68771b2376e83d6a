#include "io/json_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crema/errors.hpp"
#include "io/json_array.hpp"
#include "io/line_cutter.hpp"
#include "io/quote.hpp"

namespace crema::json {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

Records::Records(Block block)
    : block_{std::move(block)}, memory_{io::read_block(block_.text, simdjson::SIMDJSON_PADDING)} {
  block_.text.text = {};
  text_ = {memory_.bytes.get(), memory_.size};
  if (block_.text.offset == 0 && text_.starts_with(byte_order_mark)) position_ = byte_order_mark.size();
}

std::size_t Records::lines() const { return block_.array ? 0 : static_cast<std::size_t>(io::count_lines(text_)) + 1; }

bool Records::next() {
  if (block_.array ? !next_element() : !next_line()) return false;
  const simdjson::error_code error = parser_.parse(record_.data(), record_.size(), false).get(value_);
  if (error != simdjson::SUCCESS) fail_to_parse(error);
  return true;
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

bool Records::next_element() {
  if (irregular_ < block_.irregular.size() && block_.irregular[irregular_].at == position_)
    fail_irregular(block_.irregular[irregular_++]);
  if (position_ == text_.size()) return false;
  const std::size_t end = find_element_end(text_, position_);
  record_ = trim(text_.substr(position_, end - position_));
  position_ = std::min(end + 1, text_.size());
  return true;
}

void Records::fail_to_parse(simdjson::error_code error) {
  fail({},
       block_.array ? "a JSON value as an element of the array"
                    : "one whole JSON value on each line, or an array as the whole file",
       record_.empty() ? "a comma too many"
                       : fmt::format("{} ({})", io::quote(record_), simdjson::error_message(error)));
}

void Records::fail_irregular(const Irregular& irregular) {
  record_ = text_.substr(irregular.begin, irregular.size);
  position_ = irregular.next;
  switch (irregular.kind) {
    case Irregular::Kind::damaged:
      fail_to_parse(static_cast<simdjson::error_code>(irregular.error));
    case Irregular::Kind::no_comma:
      fail({}, "a comma or ] behind this element of the array", "a line with another one");
    case Irregular::Kind::too_long:
      fail({},
           fmt::format("an element of the array that ends within {} MiB (nothing behind it is read)",
                       ArrayCutter::most_element >> 20),
           io::quote(record_));
    case Irregular::Kind::unclosed:
      fail({}, "a ] behind the last element of the array", "the end of the file");
    case Irregular::Kind::behind:
      break;
  }
  fail({}, "nothing behind the array that is the file", io::quote(record_));
}

std::uint64_t Records::line_of(std::size_t place) {
  if (line_ == 0) line_ = io::first_line_of(block_.text);
  line_ += io::count_lines(text_.substr(counted_to_, place - counted_to_));
  counted_to_ = place;
  return line_;
}

void Records::fail(std::string field, std::string expected, std::string found) {
  throw DataError{{.file = block_.text.path,
                   .line = line_of(static_cast<std::size_t>(record_.data() - text_.data())),
                   .column = std::move(field),
                   .expected = std::move(expected),
                   .found = std::move(found)}};
}

}  // namespace crema::json
