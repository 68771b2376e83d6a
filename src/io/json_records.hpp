#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "crema/json_reader.hpp"
#include "io/text_reader.hpp"

namespace crema::json {

/// The records of one block's text. Thread safety: none.
class Records {
 public:
  explicit Records(Block block);

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
  [[noreturn]] void fail_to_parse(simdjson::error_code error);
  [[noreturn]] void fail_irregular(const Irregular& irregular);
  [[nodiscard]] std::uint64_t line_of(std::size_t place);

  // Constant after construction.
  Block block_;
  io::Text memory_;
  std::string_view text_;

  simdjson::dom::parser parser_;
  simdjson::dom::element value_;
  std::string_view record_;
  std::size_t position_ = 0;   // behind the record
  std::size_t irregular_ = 0;  // of the block's, the next

  std::uint64_t line_ = 0;  // at counted_to_; 0: not known yet
  std::size_t counted_to_ = 0;
};

}  // namespace crema::json
