#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "io/file.hpp"

namespace crema::io {

/// How a file is compressed.
enum class Compression : std::uint8_t { none, gzip, zstd };

/// By the first bytes of the file, whatever its name is.
Compression compression_of(const File& file);
/// About how many bytes of text a file of this size has.
std::uint64_t text_size(std::uint64_t size, Compression compression);

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

}  // namespace crema::io
