#include "io/csv_partitioner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "crema/errors.hpp"
#include "io/compression.hpp"
#include "io/csv_records.hpp"

namespace crema::csv {
namespace {

constexpr std::size_t chunk_size = 1 << 20;  // bytes read at a time: large enough for disks, small enough for caches
constexpr std::uint64_t usual_header = 1 << 14;    // bytes: read first, since there may be thousands of files
constexpr std::uint64_t largest_header = 1 << 20;  // bytes: beyond it a quote is open or the file is no CSV
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

[[noreturn]] void fail(const std::string& path, std::uint64_t line, std::string expected, std::string found) {
  throw DataError{
      {.file = path, .line = line, .column = {}, .expected = std::move(expected), .found = std::move(found)}};
}

/// Where the header begins: behind a byte order mark, blank lines and comments.
std::size_t header_begin(std::string_view text, char comment) {
  std::size_t begin = text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  begin = text.find_first_not_of("\r\n", begin);
  while (comment != '\0' && begin < text.size() && text[begin] == comment) {
    begin = text.find_first_not_of("\r\n", text.find('\n', begin));
  }
  return std::min(begin, text.size());
}

std::uint64_t count_lines(std::string_view text) { return static_cast<std::uint64_t>(std::ranges::count(text, '\n')); }

}  // namespace

Partitioner::Partitioner(const Paths& paths, std::span<const std::string> fields, std::uint64_t block_size,
                         CsvOptions options)
    : block_size_{block_size},
      options_{std::move(options)},
      buffer_{std::make_unique_for_overwrite<char[]>(chunk_size)} {
  for (const std::string& path : io::matching_paths(paths.patterns())) inputs_.push_back(check(path, fields));
  if (block_size_ != 0) return;
  std::uint64_t size = 0;
  for (const Input& input : inputs_) size += input.file.size;
  block_size_ = io::block_size_for(size);
}

Partitioner::Input Partitioner::check(const std::string& path, std::span<const std::string> fields) const {
  const io::File file{path};
  const Compression compression = io::compression_of(file);
  io::Text text;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (const std::uint64_t limit : {usual_header, largest_header}) {
    text = io::read_head(file, compression, limit);
    const std::string_view head{text.bytes.get(), text.size};
    begin = header_begin(head, options_.comment);
    const std::size_t length = RecordScanner{options_}.find_end(head.substr(begin), 0);
    end = length == RecordScanner::npos ? head.size() : begin + length;
    const bool whole = compression == Compression::none ? head.size() == file.size() : head.size() < limit;
    if (length != RecordScanner::npos || whole) break;
    if (limit == largest_header) {
      fail(path, 1, fmt::format("a header line within the first {} bytes", limit),
           "none (is a quote left open, or is this no CSV file?)");
    }
  }
  if (begin == end) fail(path, 0, "a header line with the names of the columns", "an empty file");

  Input input{.file = {path, file.size(), file.modified()},
              .records = end,
              .records_line = 1,
              .header = {},
              .compression = compression};
  char* const bytes = text.bytes.get();
  const std::uint64_t header_line = 1 + count_lines({bytes, begin});
  input.records_line = 1 + count_lines({bytes, end});
  std::memmove(bytes, bytes + begin, end - begin);
  Records records{{.path = path,
                   .offset = begin,
                   .size = end - begin,
                   .first_line = header_line,
                   .header = {},
                   .options = options_},
                  std::move(text.bytes)};
  records.next();
  for (const std::string_view name : records.cells()) input.header.emplace_back(crema::detail::trim_blanks(name));
  map_columns(path, input.header, fields, header_line);
  return input;
}

std::optional<Block> Partitioner::next() {
  for (; !inputs_.empty(); inputs_.pop_front(), file_.reset()) {
    const Input& input = inputs_.front();
    if (input.compression != Compression::none) {
      Block whole{.path = input.file.path,
                  .offset = input.records,
                  .size = input.file.size,
                  .first_line = input.records_line,
                  .header = input.header,
                  .options = options_,
                  .compression = input.compression};
      inputs_.pop_front();
      return whole;
    }
    if (!file_) open(input);
    Block block{.path = input.file.path,
                .offset = read_to_ - chunk_.size(),
                .size = 0,
                .first_line = line_,
                .header = input.header,
                .options = options_};
    bool complete = false;
    while (!complete && (!chunk_.empty() || fill(input))) {
      const std::uint64_t missing = block_size_ > block.size ? block_size_ - block.size - 1 : 0;
      const std::size_t end = scanner_.find_end(chunk_, missing);
      complete = end != RecordScanner::npos;
      const std::string_view consumed = chunk_.substr(0, end);
      chunk_.remove_prefix(consumed.size());
      line_ += count_lines(consumed);
      block.size += consumed.size();
    }
    if (!complete && scanner_.in_quotes()) {
      const bool ended = cut_behind_open_quote(input, block);
      if (options_.on_bad_record == BadRecordPolicy::fail) {
        fail(input.file.path, line_ - (ended ? 1 : 0), unclosed_expected, unclosed_found);
      }
    }
    if (block.size != 0) return block;
  }
  return std::nullopt;
}

std::vector<InputFile> Partitioner::files() const {
  std::vector<InputFile> files;
  for (const Input& input : inputs_) files.push_back(input.file);
  return files;
}

void Partitioner::open(const Input& input) {
  file_.emplace(input.file.path);
  scanner_ = RecordScanner{options_};
  scanned_from_ = input.records;
  chunk_ = {};
  read_to_ = input.records;
  line_ = input.records_line;
}

bool Partitioner::fill(const Input& input) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, input.file.size - read_to_));
  file_->read(read_to_, buffer_.get(), size);
  chunk_ = {buffer_.get(), size};
  read_to_ += size;
  return size != 0;
}

/// Ends the block behind the line on which the quote opens that nothing closes, and scans anew from there. Returns
/// whether that line has an end.
bool Partitioner::cut_behind_open_quote(const Input& input, Block& block) {
  const std::uint64_t opened = scanned_from_ + scanner_.quote_offset();
  line_ = block.first_line;
  read_to_ = block.offset;
  chunk_ = {};
  bool cut = false;
  while (!cut && fill(input)) {
    const std::uint64_t begin = read_to_ - chunk_.size();
    const std::size_t end = chunk_.find('\n', opened > begin ? opened - begin : 0);
    cut = end != std::string_view::npos;
    const std::string_view consumed = chunk_.substr(0, cut ? end + 1 : end);
    line_ += count_lines(consumed);
    chunk_.remove_prefix(consumed.size());
  }
  scanned_from_ = read_to_ - chunk_.size();
  scanner_ = RecordScanner{options_};
  block.size = scanned_from_ - block.offset;
  return cut;
}

}  // namespace crema::csv
