#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "crema/lane_context.hpp"
#include "crema/read_options.hpp"
#include "crema/text_block.hpp"
#include "io/file.hpp"

namespace crema::io {

/// Cuts files of text into blocks of whole lines, lazily and in order. It reads little more than the ends of blocks.
/// The cuts depend on the files alone. Thread safety: none.
class LinePartitioner {
 public:
  /// Whether a file is one block whatever its lines are.
  using IsWhole = bool (*)(const File& file);

  /// Opens every file once. Throws DataError where a pattern names none, or one is no readable file. A compressed file
  /// is one block. `block_size` 0: block_size_for all together.
  explicit LinePartitioner(const Paths& paths, IsWhole is_whole = nullptr, std::uint64_t block_size = 0);

  /// The next block; none behind the last. Throws DataError for a file that cannot be read to the size it had at
  /// construction.
  std::optional<TextBlock> next();
  /// The files still to be cut, as they were at construction.
  [[nodiscard]] std::vector<InputFile> files() const;

 private:
  struct Input {
    InputFile file;
    Compression compression = Compression::none;
    bool whole = false;
  };
  [[nodiscard]] std::uint64_t line_end(const Input& input, std::uint64_t from) const;

  std::uint64_t block_size_ = 0;  // constant after construction

  std::deque<Input> inputs_;  // the front is being cut, the others are to come
  std::optional<File> file_;  // the one being cut
  std::uint64_t cut_to_ = 0;  // offset in it
  std::unique_ptr<char[]> buffer_;
};

/// The line of its file on which a block begins, counted from 1: reads the file up to there.
std::uint64_t first_line_of(const TextBlock& block);

}  // namespace crema::io
