#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/lane_context.hpp"
#include "crema/text_block.hpp"
#include "io/compression.hpp"
#include "io/file.hpp"

namespace crema::io {

/// The text of a file, compressed or not, for who reads it about in order. Compressed text that was read stays in
/// memory until the reader is told that nobody goes back to it; where it is gone, going back unpacks the file from its
/// beginning once more. Thread safety: none.
class TextReader {
 public:
  /// `size`: bytes of a text that is not compressed, if they are not those that the file has now. Throws DataError
  /// where it cannot be read.
  explicit TextReader(const std::string& path, std::optional<std::uint64_t> size = {});

  /// As it was when it was opened.
  [[nodiscard]] InputFile file() const { return {file_->path(), file_->size(), file_->modified()}; }
  /// Bytes of the text: of compressed text, about.
  [[nodiscard]] std::uint64_t expected_size() const { return text_size(file_->size(), compression_); }
  [[nodiscard]] bool is_compressed() const noexcept { return compression_ != Compression::none; }
  /// Reads at most `size` bytes from this place of the text on; fewer at its end alone. Throws DataError, also where
  /// the compressed data is damaged.
  std::size_t read(std::uint64_t offset, char* to, std::size_t size);
  /// The same bytes. Requires that the text has so many there.
  Bytes bytes(std::uint64_t offset, std::size_t size);
  /// Nobody goes back to what is in front of this place.
  void forget_before(std::uint64_t offset);
  /// From now on so many bytes stay in memory, about: more are read, and are gone. At first there is no limit.
  void keep_at_most(std::size_t bytes) noexcept { most_kept_ = bytes; }
  /// Bytes of the text. Requires of compressed text that its end was read.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  std::size_t unpack(char* to, std::size_t size);
  void unpack_to(std::uint64_t offset);

  // Constant after construction.
  std::unique_ptr<File> file_;  // its address stays: the decompressor reads from there
  Compression compression_;

  std::uint64_t size_;  // of compressed text only once its end was read

  // Of compressed text.
  std::unique_ptr<Decompressor> text_;
  std::uint64_t unpacked_ = 0;  // the decompressor's place
  std::size_t most_kept_ = std::numeric_limits<std::size_t>::max();
  std::uint64_t kept_from_ = 0;  // the place of kept_ in the text
  std::vector<char> kept_;
};

std::uint64_t count_lines(std::string_view text);

/// Bytes in memory, with room behind them that readers may use.
struct Text {
  Text() = default;
  Text(std::size_t bytes_of_text, std::size_t room)
      : bytes{std::make_unique_for_overwrite<char[]>(bytes_of_text + room)}, size{bytes_of_text} {}

  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
};

/// The text of a block, wherever it is, with `room` bytes behind it. Throws DataError.
Text read_block(const TextBlock& block, std::size_t room);

}  // namespace crema::io
