#include "io/line_partitioner.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "io/compression.hpp"

namespace crema::io {
namespace {

constexpr std::size_t chunk_size = 64 << 10;  // bytes read at a time to find the end of a line

}  // namespace

LinePartitioner::LinePartitioner(const Paths& paths, IsWhole is_whole, std::uint64_t block_size)
    : block_size_{block_size}, buffer_{std::make_unique_for_overwrite<char[]>(chunk_size)} {
  for (const std::string& path : matching_paths(paths.patterns())) {
    const File file{path};
    const Compression compression = compression_of(file);
    inputs_.push_back({.file = {path, file.size(), file.modified()},
                       .compression = compression,
                       .whole = compression != Compression::none || (is_whole != nullptr && is_whole(file))});
  }
  if (block_size_ != 0) return;
  std::uint64_t size = 0;
  for (const Input& input : inputs_) size += input.file.size;
  block_size_ = block_size_for(size);
}

std::optional<TextBlock> LinePartitioner::next() {
  for (; !inputs_.empty(); inputs_.pop_front(), file_.reset()) {
    const Input& input = inputs_.front();
    if (!file_) {
      file_.emplace(input.file.path);
      cut_to_ = 0;
    }
    if (cut_to_ == input.file.size) continue;
    TextBlock block{.path = input.file.path, .offset = cut_to_, .size = 0, .compression = input.compression};
    const bool last = input.whole || input.file.size - cut_to_ <= block_size_;
    cut_to_ = last ? input.file.size : line_end(input, cut_to_ + block_size_ - 1);
    block.size = cut_to_ - block.offset;
    return block;
  }
  return std::nullopt;
}

std::vector<InputFile> LinePartitioner::files() const {
  std::vector<InputFile> files;
  for (const Input& input : inputs_) files.push_back(input.file);
  return files;
}

/// Behind the first line feed at `from` or later.
std::uint64_t LinePartitioner::line_end(const Input& input, std::uint64_t from) const {
  while (from < input.file.size) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, input.file.size - from));
    file_->read(from, buffer_.get(), size);
    const std::size_t place = std::string_view{buffer_.get(), size}.find('\n');
    if (place != std::string_view::npos) return from + place + 1;
    from += size;
  }
  return from;
}

std::uint64_t first_line_of(const TextBlock& block) {
  const File file{block.path};
  const auto buffer = std::make_unique_for_overwrite<char[]>(chunk_size);
  std::uint64_t line = 1;
  for (std::uint64_t place = 0; place < block.offset;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, block.offset - place));
    file.read(place, buffer.get(), size);
    line += static_cast<std::uint64_t>(std::count(buffer.get(), buffer.get() + size, '\n'));
    place += size;
  }
  return line;
}

}  // namespace crema::io
