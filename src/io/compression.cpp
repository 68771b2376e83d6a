#include "io/compression.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include "crema/errors.hpp"

namespace crema::io {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t chunk_size = 256 << 10;  // bytes of a file read at a time
constexpr std::string_view gzip_begin = "\x1F\x8B"sv;
constexpr std::string_view zstd_begin = "\x28\xB5\x2F\xFD"sv;

class Gzip : public Decompressor {
 public:
  explicit Gzip(const File& file) : Decompressor{file} {
    constexpr int gzip_alone = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, gzip_alone) != Z_OK) throw std::bad_alloc{};
  }
  ~Gzip() override { ::inflateEnd(&stream_); }

 private:
  std::size_t decompress(std::string_view& input, char* to, std::size_t size) override {
    // A file may hold several members, one after the other.
    if (ended_ && !input.empty()) {
      ::inflateReset(&stream_);
      ended_ = false;
    }
    if (ended_) return 0;
    const auto room = static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = room;
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    input.remove_prefix(input.size() - stream_.avail_in);
    ended_ = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) throw std::bad_alloc{};
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      fail(stream_.msg != nullptr ? stream_.msg : "damaged data");
    }
    return room - stream_.avail_out;
  }
  [[nodiscard]] bool complete() const override { return ended_; }

  z_stream stream_{};
  bool ended_ = false;
};

class Zstd : public Decompressor {
 public:
  explicit Zstd(const File& file) : Decompressor{file}, stream_{::ZSTD_createDStream()} {
    if (stream_ == nullptr) throw std::bad_alloc{};
  }
  ~Zstd() override { ::ZSTD_freeDStream(stream_); }

 private:
  std::size_t decompress(std::string_view& input, char* to, std::size_t size) override {
    ZSTD_inBuffer from{.src = input.data(), .size = input.size(), .pos = 0};
    ZSTD_outBuffer out{.dst = to, .size = size, .pos = 0};
    // At the end of a frame, a call without input would begin another one.
    if (hint_ == 0 && input.empty()) return 0;
    hint_ = ::ZSTD_decompressStream(stream_, &out, &from);
    if (::ZSTD_isError(hint_) != 0) fail(::ZSTD_getErrorName(hint_));
    input.remove_prefix(from.pos);
    return out.pos;
  }
  [[nodiscard]] bool complete() const override { return hint_ == 0; }

  ZSTD_DStream* stream_;
  std::size_t hint_ = 1;  // 0: a frame is complete
};

}  // namespace

Compression compression_of(const File& file) {
  std::array<char, zstd_begin.size()> first{};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), first.size()));
  file.read(0, first.data(), size);
  const std::string_view begin{first.data(), size};
  if (begin.starts_with(gzip_begin)) return Compression::gzip;
  return begin == zstd_begin ? Compression::zstd : Compression::none;
}

std::uint64_t text_size(std::uint64_t size, Compression compression) {
  constexpr std::uint64_t usual_ratio = 4;
  return compression == Compression::none ? size : usual_ratio * size;
}

Decompressor::Decompressor(const File& file)
    : file_{file}, chunk_{std::make_unique_for_overwrite<char[]>(chunk_size)} {}

std::unique_ptr<Decompressor> Decompressor::open(const File& file, Compression compression) {
  if (compression == Compression::gzip) return std::make_unique<Gzip>(file);
  return std::make_unique<Zstd>(file);
}

std::size_t Decompressor::read(char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    if (input_.empty()) fill();
    const std::size_t before = input_.size();
    const std::size_t made = decompress(input_, to + done, size - done);
    done += made;
    if (made != 0 || input_.size() != before) continue;
    if (!complete()) fail("the end of the file (is it whole?)");
    break;
  }
  return done;
}

void Decompressor::fill() {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, file_.size() - read_to_));
  file_.read(read_to_, chunk_.get(), size);
  read_to_ += size;
  input_ = {chunk_.get(), size};
}

void Decompressor::fail(const char* found) const {
  throw DataError{{.file = file_.path(),
                   .line = 0,
                   .column = {},
                   .expected = "compressed data that is whole",
                   .found = std::string{found} + " near byte " + std::to_string(read_to_ - input_.size())}};
}

}  // namespace crema::io
