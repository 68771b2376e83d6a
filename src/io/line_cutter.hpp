#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "crema/text_block.hpp"
#include "io/text_reader.hpp"

namespace crema::io {

/// Cuts one file of text into blocks of whole lines, in order; the cuts depend on the file alone. Of a file that is not
/// compressed it reads little more than the ends of blocks; blocks of a compressed one have their text and tell their
/// first line. Memory: one chunk of the file; of a compressed one twice the block besides. Thread
/// safety: none.
class LineCutter {
 public:
  using Block = TextBlock;

  /// `size`: bytes of a file that is not compressed, if they are not those that it has now.
  LineCutter(TextBlock file, std::uint64_t block_size, std::optional<std::uint64_t> size = {});

  /// The next block; none behind the last. Throws DataError for a file that cannot be read.
  std::optional<TextBlock> next();

 private:
  [[nodiscard]] std::uint64_t line_end(std::uint64_t from);

  // Constant after construction.
  TextBlock file_;
  std::uint64_t block_size_;

  TextReader text_;
  std::uint64_t cut_to_ = 0;  // offset
  std::uint64_t line_ = 1;    // there, of compressed text
  std::unique_ptr<char[]> buffer_;
};

/// The line of its file on which a block begins: reads the file up to there where that is not known.
std::uint64_t first_line_of(const TextBlock& block);

}  // namespace crema::io
