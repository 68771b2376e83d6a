#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>

#include "crema/json_reader.hpp"
#include "io/compression.hpp"

namespace crema::json {

/// The records of one block's text. Thread safety: none.
class Records {
 public:
  explicit Records(const Block& block);

  [[nodiscard]] std::size_t lines() const;
  /// Parses the next record; false where there is none. Throws DataError where it is no JSON; the next call goes on
  /// behind it.
  bool next();
  [[nodiscard]] simdjson::dom::element value() const noexcept { return value_; }
  [[nodiscard]] std::string_view text() const noexcept { return record_; }
  /// Throws the DataError for this record or one of its fields.
  [[noreturn]] void fail(std::string field, std::string expected, std::string found);

 private:
  bool next_line();
  bool next_element();
  bool end_array();
  void end_before_neighbour();
  void end_record_before(std::size_t line_feed);
  [[nodiscard]] std::size_t indentation_at(std::size_t place) const;
  [[nodiscard]] bool begins_neighbour(std::size_t line, std::size_t indentation) const;
  [[nodiscard]] std::size_t find_element_end() const;
  [[nodiscard]] std::uint64_t line_of(std::size_t place);

  // Constant after construction.
  TextBlock block_;
  io::Text memory_;
  std::string_view text_;
  bool array_ = false;

  simdjson::dom::parser parser_;
  simdjson::dom::element value_;
  std::string_view record_;
  std::size_t position_ = 0;  // behind the record
  bool by_lines_ = false;  // an element did not end: from then on each ends before the line of the next, at the latest
  bool closed_ = false;    // the last element of the array was read
  bool unclosed_ = false;  // and no bracket came behind it
  bool ended_ = false;     // and so was what follows it

  std::uint64_t line_ = 0;  // at counted_to_; 0: not known yet
  std::size_t counted_to_ = 0;
};

/// Whether a file that is not compressed is one array: its first byte that is neither blank nor of a byte order mark is
/// a bracket.
bool is_array(const io::File& file);

}  // namespace crema::json
