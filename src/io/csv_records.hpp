#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crema/csv_reader.hpp"

namespace crema::csv {

/// Splits a text of whole records into records and cells, by the grammar RecordScanner follows too. Stricter than the
/// scanner: text behind a closing quote is an error. Thread safety: none.
class Records {
 public:
  /// `text` holds block.size bytes and room for one more.
  Records(Block block, std::unique_ptr<char[]> text);

  /// All of it, as it is before the first call of next().
  [[nodiscard]] std::string_view text() const noexcept { return {text_.get(), block_.size}; }
  /// The lines of the whole text.
  [[nodiscard]] std::size_t lines() const;
  /// Moves to the next record that is neither a blank line nor a comment. Throws DataError where its quotes are wrong;
  /// the record is then that up to the end that RecordScanner finds, or, where a quote is never closed, to that of its
  /// line.
  bool next();
  /// The cells of this record without their quotes; valid until the next call of next().
  [[nodiscard]] const std::vector<std::string_view>& cells() const noexcept { return cells_; }
  [[nodiscard]] const Block& block() const noexcept { return block_; }
  /// Where this record, blank lines in front of it left out, begins and ends in the block. What is there is changed:
  /// quotes are taken out of quoted cells.
  [[nodiscard]] std::size_t begin() const noexcept { return static_cast<std::size_t>(record_ - text_.get()); }
  [[nodiscard]] std::size_t end() const noexcept { return static_cast<std::size_t>(next_ - text_.get()); }

  /// Throws the DataError for this record as a whole.
  [[noreturn]] void fail_record(std::string expected, std::string found) const;
  /// Throws the DataError for a cell of this record.
  [[noreturn]] void fail_cell(std::size_t cell, std::string expected, std::string found) const;

 private:
  bool skip_lines();
  std::string_view read_quoted(char*& position);
  [[noreturn]] void fail_unclosed(char* position);
  [[noreturn]] void fail_closing_quote(char* position);
  [[noreturn]] void fail(const char* place, std::size_t cell, std::string expected, std::string found) const;

  // Constant after construction.
  Block block_;
  std::unique_ptr<char[]> text_;
  char* end_ = nullptr;

  // The current record.
  std::vector<std::string_view> cells_;
  char* record_ = nullptr;
  char* next_ = nullptr;
  std::uint64_t line_ = 0;  // of the file, counted from 1
  std::uint64_t next_line_ = 0;
};

/// Where each field's column stands in the header of the file. Throws DataError, on that line, where it is not there or
/// there twice.
std::vector<std::size_t> map_columns(const std::string& path, std::span<const std::string> header,
                                     std::span<const std::string> fields, std::uint64_t header_line);

}  // namespace crema::csv
