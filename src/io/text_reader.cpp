#include "io/text_reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace crema::io {

TextReader::TextReader(const std::string& path, std::optional<std::uint64_t> size)
    : file_{std::make_unique<File>(path)}, compression_{compression_of(*file_)}, size_{size.value_or(file_->size())} {}

std::size_t TextReader::read(std::uint64_t offset, char* to, std::size_t size) {
  if (!is_compressed()) {
    const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - std::min(offset, size_)));
    file_->read(offset, to, there);
    return there;
  }
  std::size_t done = 0;
  if (offset >= kept_from_ && offset < kept_from_ + kept_.size()) {
    const auto place = static_cast<std::size_t>(offset - kept_from_);
    done = std::min(size, kept_.size() - place);
    std::memcpy(to, kept_.data() + place, done);
    if (done == size) return done;
  }
  unpack_to(offset + done);
  return unpacked_ == offset + done ? done + unpack(to + done, size - done) : done;
}

Bytes TextReader::bytes(std::uint64_t offset, std::size_t size) {
  ByteBuffer buffer{size};
  static_cast<void>(read(offset, reinterpret_cast<char*>(buffer.extend(size)), size));
  return Bytes{std::move(buffer)};
}

void TextReader::forget_before(std::uint64_t offset) {
  const std::uint64_t kept_to = kept_from_ + kept_.size();
  if (offset <= kept_from_) return;
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(std::min(offset, kept_to) - kept_from_));
  kept_from_ = offset;
}

/// The next bytes of the text.
std::size_t TextReader::unpack(char* to, std::size_t size) {
  if (!text_) text_ = Decompressor::open(*file_, compression_);
  const std::size_t got = text_->read(to, size);
  if (unpacked_ == kept_from_ + kept_.size() && kept_.size() < most_kept_) {
    const std::size_t kept = std::min(got, most_kept_ - kept_.size());
    kept_.insert(kept_.end(), to, to + kept);
  }
  unpacked_ += got;
  if (got < size) size_ = unpacked_;
  return got;
}

/// Or to the end, where that comes first.
void TextReader::unpack_to(std::uint64_t offset) {
  if (offset < unpacked_) {
    text_.reset();
    unpacked_ = 0;
  }
  std::array<char, 16 << 10> passed;
  while (unpacked_ < offset)
    if (unpack(passed.data(), std::min<std::uint64_t>(offset - unpacked_, passed.size())) == 0) return;
}

std::uint64_t count_lines(std::string_view text) { return static_cast<std::uint64_t>(std::ranges::count(text, '\n')); }

Text read_block(const TextBlock& block, std::size_t room) {
  Text text{static_cast<std::size_t>(block.size), room};
  if (text.size == 0) return text;
  if (block.text.empty()) {
    File{block.path}.read(block.offset, text.bytes.get(), text.size);
  } else {
    std::memcpy(text.bytes.get(), block.text.data(), text.size);
  }
  return text;
}

}  // namespace crema::io
