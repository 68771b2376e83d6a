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

/// Cuts CSV files into blocks of whole records, lazily and in order. The cuts depend on the files alone. Memory: the
/// headers of the files still to come and one chunk. Thread safety: none.
class Partitioner {
 public:
  /// Bytes of a block before it is rounded up to whole records, by the size of its file: small files still make enough
  /// blocks to share out, and the blocks of large ones are worth a task each.
  static std::uint64_t block_size_for(std::uint64_t file_size);

  /// Checks every file the pattern names, in the order of their names. Throws DataError where the pattern names none,
  /// one is no readable file or empty, or a header lacks one of the fields. `block_size` 0: block_size_for each file.
  Partitioner(const std::string& pattern, std::span<const std::string> fields, std::uint64_t block_size = 0);

  /// The next block; none behind the last. Throws DataError for a quote that is never closed and for a file that cannot
  /// be read to the size it had at construction.
  std::optional<Block> next();
  /// The files still to be cut, as they were at construction.
  [[nodiscard]] std::vector<InputFile> files() const;

 private:
  struct Input {
    InputFile file;                  // as it was when it was checked
    std::uint64_t records = 0;       // offset behind the header
    std::uint64_t records_line = 1;  // line behind the header
    std::vector<std::string> header;
  };
  static Input check(const std::string& path, std::span<const std::string> fields);
  void open(const Input& input);
  /// Reads the next chunk; false at the end of the file.
  bool fill(const Input& input);
  [[noreturn]] void fail_unclosed(const Input& input, const Block& block);

  std::uint64_t block_size_ = 0;  // constant after construction

  std::deque<Input> inputs_;  // the front is being cut, the others are to come
  // The file being cut.
  std::optional<io::File> file_;
  RecordScanner scanner_;
  std::unique_ptr<char[]> buffer_;
  std::string_view chunk_;     // what is read and not yet consumed
  std::uint64_t read_to_ = 0;  // offset behind what is read
  std::uint64_t line_ = 1;     // on which the unconsumed part begins
};

}  // namespace crema::csv
