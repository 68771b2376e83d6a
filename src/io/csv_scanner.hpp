#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crema/read_options.hpp"

namespace crema::csv {

/// What the error for a quote that is never closed says: the partitioner finds it, or the parser where a file changed.
inline constexpr const char* unclosed_expected = "a closing quote for the one that opens here";
inline constexpr const char* unclosed_found = "the end of the file";

/// Finds where records end in text that arrives in chunks, by RFC 4180: a quote opens only at the start of a cell, two
/// quotes inside a quoted cell are one, and a line feed outside quotes ends the record. A comment is a record whose
/// quotes are text.
/// It jumps from quote to quote and never looks at the bytes between them. Thread safety: none.
class RecordScanner {
 public:
  static constexpr std::size_t npos = std::string_view::npos;

  explicit RecordScanner(const CsvOptions& options = {})
      : delimiter_{options.delimiter}, quote_{options.quote}, comment_{options.comment} {}

  /// Consumes `chunk` up to the first record that ends at byte `from` of it or later, and returns the position behind
  /// that record's line feed; the next call continues there. Returns npos where no record ends there: the whole chunk
  /// is consumed.
  std::size_t find_end(std::string_view chunk, std::size_t from);

  /// Whether the text ended here would leave a quote open.
  [[nodiscard]] bool in_quotes() const noexcept { return state_ == State::quoted; }
  /// Where the last quoted cell opened, in bytes since the scanner's beginning.
  [[nodiscard]] std::uint64_t quote_offset() const noexcept { return quote_offset_; }

 private:
  enum class State : std::uint8_t { line_start, cell_start, unquoted, quoted, quote_in_quoted, comment };

  [[nodiscard]] std::size_t find_quote(std::string_view chunk, std::size_t begin, std::size_t end) const;
  [[nodiscard]] bool in_comment(std::string_view chunk, std::size_t begin, std::size_t place) const;
  [[nodiscard]] State state_at_end(std::string_view chunk, std::size_t begin) const;

  char delimiter_;
  char quote_;
  char comment_;
  State state_ = State::line_start;
  std::uint64_t consumed_ = 0;
  std::uint64_t quote_offset_ = 0;
};

}  // namespace crema::csv
