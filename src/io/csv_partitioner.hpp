#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crema/csv_reader.hpp"
#include "crema/lane_context.hpp"
#include "io/csv_scanner.hpp"
#include "io/file.hpp"

namespace crema::csv {

/// Cuts CSV files into blocks of whole records, lazily and in order; a compressed file is one block. The cuts depend on
/// the files alone. Memory: the
/// headers of the files still to come and one chunk. Thread safety: none.
class Partitioner {
 public:
  /// Checks every file, in their order. Throws DataError where a pattern names none,
  /// one is no readable file or empty, or a header lacks one of the fields. `block_size` 0: io::block_size_for
  /// all files together.
  Partitioner(const Paths& paths, std::span<const std::string> fields, std::uint64_t block_size = 0,
              CsvOptions options = {});

  /// The next block; none behind the last. Throws DataError for a file that cannot be read to the size it had at
  /// construction, and for a quote that is never closed; where bad records are no failures, a block ends behind the
  /// line on which that quote opens.
  std::optional<Block> next();
  /// The files still to be cut, as they were at construction.
  [[nodiscard]] std::vector<InputFile> files() const;

 private:
  struct Input {
    InputFile file;                  // as it was when it was checked
    std::uint64_t records = 0;       // offset behind the header
    std::uint64_t records_line = 1;  // line behind the header
    std::vector<std::string> header;
    Compression compression = Compression::none;
  };
  [[nodiscard]] Input check(const std::string& path, std::span<const std::string> fields) const;
  void open(const Input& input);
  /// Reads the next chunk; false at the end of the file.
  bool fill(const Input& input);
  bool cut_behind_open_quote(const Input& input, Block& block);

  // Constant after construction.
  std::uint64_t block_size_ = 0;
  CsvOptions options_;

  std::deque<Input> inputs_;  // the front is being cut, the others are to come
  // The file being cut.
  std::optional<io::File> file_;
  RecordScanner scanner_;
  std::uint64_t scanned_from_ = 0;  // offset where the scanner began
  std::unique_ptr<char[]> buffer_;
  std::string_view chunk_;     // what is read and not yet consumed
  std::uint64_t read_to_ = 0;  // offset behind what is read
  std::uint64_t line_ = 1;     // on which the unconsumed part begins
};

}  // namespace crema::csv
