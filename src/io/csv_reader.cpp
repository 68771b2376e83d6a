#include "crema/csv_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/utf8.hpp"
#include "io/csv_records.hpp"
#include "io/quote.hpp"
#include "io/text_reader.hpp"

namespace crema::csv {
namespace {

io::Text read_text(const Block& block) {
  return io::read_block({.path = block.path, .offset = block.offset, .size = block.size, .text = block.text}, 1);
}

}  // namespace

BlockReader::BlockReader(const Block& block, std::span<const std::string> fields)
    : columns_{map_columns(block.path, block.header, fields, 1)},
      records_{std::make_unique<Records>(block, read_text(block).bytes)},
      may_be_na_{!block.options.na_values.empty()},
      may_be_no_utf8_{!is_utf8(records_->text())} {}

BlockReader::BlockReader(BlockReader&&) noexcept = default;
BlockReader& BlockReader::operator=(BlockReader&&) noexcept = default;
BlockReader::~BlockReader() = default;

std::size_t BlockReader::most_records() const { return records_->lines(); }

bool BlockReader::next() {
  if (!records_->next()) return false;
  const std::size_t wanted = records_->block().header.size();
  const std::size_t found = records_->cells().size();
  if (found != wanted) {
    records_->fail_record(fmt::format("{} cells, as the header has", wanted), std::to_string(found));
  }
  cells_ = records_->cells().data();
  return true;
}

void BlockReader::check_utf8(std::size_t field) const {
  if (!is_utf8(cell(field))) fail(field, "text in UTF-8 (convert the file, as iconv does)");
}

void BlockReader::fail(std::size_t field, std::string expected) const {
  const std::size_t column = columns_[field];
  const std::string_view text = cell(field);
  constexpr const char* way_out = "an empty cell (where cells may be empty, make the field a std::optional)";
  std::string found = io::quote(text);
  if (crema::detail::trim_blanks(text).empty()) {
    const std::string_view written = cells_[column];
    found = written.empty() || !is_na(written) ? way_out : io::quote(written) + ", which counts as " + way_out;
  }
  records_->fail_cell(column, std::move(expected), std::move(found));
}

bool BlockReader::is_na(std::string_view text) const {
  const std::vector<std::string>& values = records_->block().options.na_values;
  return std::ranges::find(values, crema::detail::trim_blanks(text)) != values.end();
}

std::string BlockReader::record_text() {
  const Block& block = records_->block();
  if (!original_) original_ = read_text(block).bytes;
  std::string_view text{original_.get() + records_->begin(),
                        std::min<std::size_t>(records_->end(), block.size) - records_->begin()};
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return std::string{text};
}

}  // namespace crema::csv
