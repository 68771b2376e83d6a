#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "crema/text_block.hpp"
#include "io/file.hpp"

namespace crema::io {

/// By the first bytes of the file, whatever its name is.
Compression compression_of(const File& file);

/// The text of a compressed file, from its beginning on. What is damaged or cut short is a DataError that names the
/// file. Memory: one chunk of the file. Thread safety: none.
class Decompressor {
 public:
  /// `file` must outlive it; `compression` is not none.
  static std::unique_ptr<Decompressor> open(const File& file, Compression compression);
  virtual ~Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Reads `size` bytes; fewer at the end of the text alone.
  std::size_t read(char* to, std::size_t size);

 protected:
  explicit Decompressor(const File& file);
  [[noreturn]] void fail(const char* found) const;

 private:
  /// Takes from `input`, the bytes of the file that come next, and makes at most `size` bytes of text: none where more
  /// of the file is needed, or at the end of a whole text. There is no input at the end of the file.
  virtual std::size_t decompress(std::string_view& input, char* to, std::size_t size) = 0;
  /// Whether the text may end where the input does.
  [[nodiscard]] virtual bool complete() const = 0;
  void fill();

  const File& file_;
  std::uint64_t read_to_ = 0;
  std::unique_ptr<char[]> chunk_;
  std::string_view input_;
};

/// Bytes in memory, with room behind them that readers may use.
struct Text {
  Text() = default;
  Text(std::size_t bytes_of_text, std::size_t room)
      : bytes{std::make_unique_for_overwrite<char[]>(bytes_of_text + room)}, size{bytes_of_text} {}

  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
};

/// The first `limit` bytes of the file's text, or all of it where that is shorter. Throws DataError.
Text read_head(const File& file, Compression compression, std::uint64_t limit);
/// The text of a block, with `room` bytes behind it. Throws DataError.
Text read_block(const TextBlock& block, std::size_t room);

}  // namespace crema::io
