#include "io/csv_cutter.hpp"

#include <limits>
#include <utility>

#include "crema/errors.hpp"

namespace crema::csv {
namespace {

constexpr std::size_t chunk_size = 1 << 20;  // bytes read at a time: large enough for disks, small enough for caches

}  // namespace

Cutter::Cutter(Block file, std::uint64_t block_size, std::optional<std::uint64_t> size, std::size_t most_of_open_record)
    : file_{std::move(file)},
      block_size_{block_size},
      most_of_open_record_{most_of_open_record},
      text_{file_.path, size},
      scanner_{file_.options},
      scanned_from_{file_.offset},
      buffer_{std::make_unique_for_overwrite<char[]>(chunk_size)},
      read_to_{file_.offset},
      line_{file_.first_line} {}

std::optional<Block> Cutter::next() {
  Block block = file_;
  block.uncut = false;
  block.offset = read_to_ - chunk_.size();
  block.size = 0;
  block.first_line = line_;
  text_.forget_before(block.offset);
  bool complete = false;
  while (!complete && (!chunk_.empty() || fill())) {
    const std::uint64_t missing = block_size_ > block.size ? block_size_ - block.size - 1 : 0;
    const std::size_t end = scanner_.find_end(chunk_, missing);
    complete = end != RecordScanner::npos;
    const std::string_view consumed = chunk_.substr(0, end);
    chunk_.remove_prefix(consumed.size());
    line_ += io::count_lines(consumed);
    block.size += consumed.size();
  }
  if (!complete && scanner_.in_quotes()) {
    const bool ended = cut_behind_open_quote(block);
    if (file_.options.on_bad_record == BadRecordPolicy::fail) {
      throw DataError{{.file = file_.path,
                       .line = line_ - (ended ? 1 : 0),
                       .column = {},
                       .expected = unclosed_expected,
                       .found = unclosed_found}};
    }
  }
  if (block.size == 0) return std::nullopt;
  if (text_.is_compressed()) block.text = text_.bytes(block.offset, static_cast<std::size_t>(block.size));
  return block;
}

bool Cutter::fill() {
  text_.keep_at_most(scanner_.in_quotes() ? most_of_open_record_ : std::numeric_limits<std::size_t>::max());
  const std::size_t size = text_.read(read_to_, buffer_.get(), chunk_size);
  chunk_ = {buffer_.get(), size};
  read_to_ += size;
  return size != 0;
}

/// Ends the block behind the line on which the quote opens that nothing closes, and scans anew from there. Returns
/// whether that line has an end.
bool Cutter::cut_behind_open_quote(Block& block) {
  const std::uint64_t opened = scanned_from_ + scanner_.quote_offset();
  line_ = block.first_line;
  read_to_ = block.offset;
  chunk_ = {};
  bool cut = false;
  while (!cut && fill()) {
    const std::uint64_t begin = read_to_ - chunk_.size();
    const std::size_t end = chunk_.find('\n', opened > begin ? opened - begin : 0);
    cut = end != std::string_view::npos;
    const std::string_view consumed = chunk_.substr(0, cut ? end + 1 : end);
    line_ += io::count_lines(consumed);
    chunk_.remove_prefix(consumed.size());
  }
  scanned_from_ = read_to_ - chunk_.size();
  scanner_ = RecordScanner{file_.options};
  block.size = scanned_from_ - block.offset;
  return cut;
}

}  // namespace crema::csv
