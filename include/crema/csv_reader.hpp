#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/cells.hpp"
#include "crema/schema.hpp"

namespace crema::csv {

/// Some whole records of one CSV file, to be read and parsed by any rank.
struct Block {
  std::string path;              ///< as the driver named it
  std::uint64_t offset = 0;      ///< of the first byte
  std::uint64_t size = 0;        ///< bytes
  std::uint64_t first_line = 1;  ///< line of the file on which the block begins, counted from 1
  std::vector<std::string> header;

  friend bool operator==(const Block&, const Block&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(offset) & BOOST_SERIALIZATION_NVP(size);
    archive& BOOST_SERIALIZATION_NVP(first_line) & BOOST_SERIALIZATION_NVP(header);
  }
};

class Records;

/// Reads the records of one block, one at a time. Thread safety: none.
class BlockReader {
 public:
  /// Reads the block's bytes into memory. `fields` are the columns wanted; their positions in it name cells afterwards.
  /// Throws DataError where the file cannot be read or its header lacks a field.
  BlockReader(const Block& block, std::span<const std::string> fields);
  BlockReader(BlockReader&&) noexcept;
  BlockReader& operator=(BlockReader&&) noexcept;
  ~BlockReader();

  /// The lines of the block: there are no more records than that.
  [[nodiscard]] std::size_t lines() const;
  /// Moves to the next record, if there is one; blank lines are no records. Throws DataError for a record that has not
  /// as many cells as the header, a quote that is not closed, or text behind a closing quote.
  bool next();
  /// The text of a field's cell in this record, without its quotes; valid until the next call of next().
  [[nodiscard]] std::string_view cell(std::size_t field) const { return cells_[columns_[field]]; }
  /// Throws the DataError for a cell that does not hold what its field needs.
  [[noreturn]] void fail(std::size_t field, std::string expected) const;

 private:
  std::vector<std::size_t> columns_;  // by field
  std::unique_ptr<Records> records_;
  const std::string_view* cells_ = nullptr;  // of the current record
};

/// The names of a row type's columns, in the order of its `serialize`.
template <class T>
const std::vector<std::string>& field_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> collected;
    T row{};
    visit_fields(row, [&](const std::string& name, const auto&) { collected.push_back(name); });
    return collected;
  }();
  return names;
}

namespace detail {

template <class Field>
void read_cell(const BlockReader& reader, std::size_t index, Field& field) {
  const std::string_view text = reader.cell(index);
  if constexpr (crema::detail::is_optional<Field>) {
    using Value = typename Field::value_type;
    constexpr bool blanks_count = std::is_same_v<Value, std::string>;
    if ((blanks_count ? text : crema::detail::trim_blanks(text)).empty()) {
      field.reset();
    } else {
      read_cell(reader, index, field.emplace());
    }
  } else if (!crema::detail::CellText<Field>::parse(text, field)) {
    reader.fail(index, crema::detail::CellText<Field>::expected());
  }
}

}  // namespace detail

/// All rows of a block. Throws DataError, with line and column, for the first cell that does not fit its field.
template <class T>
std::vector<T> read_rows(const Block& block) {
  BlockReader reader{block, field_names<T>()};
  std::vector<T> rows;
  rows.reserve(reader.lines());
  while (reader.next()) {
    T row{};
    std::size_t index = 0;
    visit_fields(row, [&](const std::string&, auto& field) { detail::read_cell(reader, index++, field); });
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace crema::csv
