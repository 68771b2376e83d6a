#include "crema/csv_reader.hpp"

#include <fmt/format.h>

#include <utility>

#include "io/csv_records.hpp"
#include "io/file.hpp"

namespace crema::csv {
namespace {

std::unique_ptr<char[]> read_text(const Block& block) {
  auto text = std::make_unique_for_overwrite<char[]>(block.size + 1);
  io::File{block.path}.read(block.offset, text.get(), block.size);
  return text;
}

}  // namespace

BlockReader::BlockReader(const Block& block, std::span<const std::string> fields)
    : columns_{map_columns(block.path, block.header, fields, 1)},
      records_{std::make_unique<Records>(block, read_text(block))} {}

BlockReader::BlockReader(BlockReader&&) noexcept = default;
BlockReader& BlockReader::operator=(BlockReader&&) noexcept = default;
BlockReader::~BlockReader() = default;

std::size_t BlockReader::lines() const { return records_->lines(); }

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

void BlockReader::fail(std::size_t field, std::string expected) const {
  const std::size_t column = columns_[field];
  const std::string_view text = cell(field);
  std::string found = crema::detail::trim_blanks(text).empty()
                          ? "an empty cell (where cells may be empty, make the field a std::optional)"
                          : quote(text);
  records_->fail_cell(column, std::move(expected), std::move(found));
}

}  // namespace crema::csv
