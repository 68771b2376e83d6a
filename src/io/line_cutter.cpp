#include "io/line_cutter.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace crema::io {
namespace {

constexpr std::size_t chunk_size = 64 << 10;  // bytes read at a time to find the end of a line

}  // namespace

LineCutter::LineCutter(TextBlock file, std::uint64_t block_size, std::optional<std::uint64_t> size)
    : file_{std::move(file)},
      block_size_{block_size},
      text_{file_.path, size},
      buffer_{std::make_unique_for_overwrite<char[]>(chunk_size)} {}

std::optional<TextBlock> LineCutter::next() {
  text_.forget_before(cut_to_);
  TextBlock block{.path = file_.path, .offset = cut_to_};
  cut_to_ = line_end(cut_to_ + block_size_ - 1);
  block.size = cut_to_ - block.offset;
  if (block.size == 0) return std::nullopt;
  if (text_.is_compressed()) {
    block.text = text_.bytes(block.offset, static_cast<std::size_t>(block.size));
    block.first_line = line_;
    line_ += count_lines({reinterpret_cast<const char*>(block.text.data()), block.text.size()});
  }
  return block;
}

/// Behind the first line feed at `from` or later; else the end of the text.
std::uint64_t LineCutter::line_end(std::uint64_t from) {
  while (const std::size_t size = text_.read(from, buffer_.get(), chunk_size)) {
    const std::size_t place = std::string_view{buffer_.get(), size}.find('\n');
    if (place != std::string_view::npos) return from + place + 1;
    from += size;
  }
  return text_.size();
}

std::uint64_t first_line_of(const TextBlock& block) {
  if (block.first_line != 0) return block.first_line;
  const File file{block.path};
  const auto buffer = std::make_unique_for_overwrite<char[]>(chunk_size);
  std::uint64_t line = 1;
  for (std::uint64_t place = 0; place < block.offset;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, block.offset - place));
    file.read(place, buffer.get(), size);
    line += count_lines({buffer.get(), size});
    place += size;
  }
  return line;
}

}  // namespace crema::io
