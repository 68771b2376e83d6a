#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "crema/csv_reader.hpp"
#include "io/csv_scanner.hpp"
#include "io/text_reader.hpp"

namespace crema::csv {

/// Cuts one CSV file into blocks of whole records, in order; the cuts depend on the file alone. Blocks of compressed
/// files have their text. Memory: one chunk of the file; of a compressed one twice the block besides, and where a
/// quote is open `most_of_record`. Thread safety: none.
class Cutter {
 public:
  using Block = csv::Block;
  /// Bytes of a block that stay in memory while a quote is open: it may be one that is never closed. A longer record is
  /// unpacked twice.
  static constexpr std::size_t most_of_record = 256 << 20;

  /// `file`: where its records begin. `size`: bytes of a file that is not compressed, if they are not those that it has
  /// now.
  Cutter(Block file, std::uint64_t block_size, std::optional<std::uint64_t> size = {},
         std::size_t most_of_open_record = most_of_record);

  /// The next block; none behind the last. Throws DataError for a file that cannot be read, and for a quote that is
  /// never closed; where bad records are no failures, a block ends behind the line on which that quote opens.
  std::optional<Block> next();

 private:
  /// Reads the next chunk; false at the end of the file.
  bool fill();
  bool cut_behind_open_quote(Block& block);

  // Constant after construction.
  Block file_;
  std::uint64_t block_size_;
  std::size_t most_of_open_record_;

  io::TextReader text_;
  RecordScanner scanner_;
  std::uint64_t scanned_from_ = 0;  // offset where the scanner began
  std::unique_ptr<char[]> buffer_;
  std::string_view chunk_;     // what is read and not yet consumed
  std::uint64_t read_to_ = 0;  // offset behind what is read
  std::uint64_t line_ = 1;     // on which the unconsumed part begins
};

}  // namespace crema::csv
