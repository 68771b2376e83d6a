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

#include "crema/block_records.hpp"
#include "crema/cells.hpp"
#include "crema/read_options.hpp"
#include "crema/schema.hpp"
#include "crema/text_block.hpp"

namespace crema::csv {

/// Some whole records of one CSV file, to be read and parsed by any rank.
struct Block {
  std::string path;              ///< as the driver named it
  std::uint64_t offset = 0;      ///< of the first byte
  std::uint64_t size = 0;        ///< bytes, as TextBlock::size
  std::uint64_t first_line = 1;  ///< line of the file on which the block begins, counted from 1
  std::vector<std::string> header;
  CsvOptions options{};
  Bytes text{};        ///< as TextBlock::text
  bool uncut = false;  ///< as TextBlock::uncut, from the offset on

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(offset) & BOOST_SERIALIZATION_NVP(size);
    archive& BOOST_SERIALIZATION_NVP(first_line) & BOOST_SERIALIZATION_NVP(header) & BOOST_SERIALIZATION_NVP(options);
    archive& BOOST_SERIALIZATION_NVP(text) & BOOST_SERIALIZATION_NVP(uncut);
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
  [[nodiscard]] std::size_t most_records() const;
  /// Moves to the next record, if there is one; blank lines are no records. Throws DataError for a record that has not
  /// as many cells as the header, a quote that is not closed, or text behind a closing quote; the next call goes on
  /// behind it.
  bool next();
  /// The text of a field's cell in this record, without its quotes, nothing where it is one of CsvOptions::na_values;
  /// valid until the next call of next().
  [[nodiscard]] std::string_view cell(std::size_t field) const {
    const std::string_view text = cells_[columns_[field]];
    return may_be_na_ && is_na(text) ? text.substr(0, 0) : text;
  }
  /// Throws the DataError for a field's cell that is no UTF-8.
  void require_utf8(std::size_t field) const {
    if (may_be_no_utf8_) check_utf8(field);
  }
  /// Throws the DataError for a cell that does not hold what its field needs.
  [[noreturn]] void fail(std::size_t field, std::string expected) const;

  /// Reads the next record into a row; false where there is none. Throws DataError as next and fail do.
  template <class T>
  bool read(T& row);
  /// The record as it stands in the file, also of one that cannot be read. Throws DataError where the file cannot be
  /// read again.
  [[nodiscard]] std::string record_text();

 private:
  [[nodiscard]] bool is_na(std::string_view text) const;
  void check_utf8(std::size_t field) const;

  std::vector<std::size_t> columns_;  // by field
  std::unique_ptr<Records> records_;
  bool may_be_na_ = false;
  bool may_be_no_utf8_ = false;              // not all of the block is
  const std::string_view* cells_ = nullptr;  // of the current record
  std::unique_ptr<char[]> original_;         // the block's text, once somebody wants it
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
  } else if constexpr (std::is_same_v<Field, std::string>) {
    reader.require_utf8(index);
  }
}

struct CellVisitor {
  static constexpr bool ignores_names = true;
  const BlockReader& reader;
  std::size_t index = 0;

  template <class Field>
  void operator()(const std::string& /*name*/, Field& field) {
    read_cell(reader, index++, field);
  }
};

}  // namespace detail

template <class T>
bool BlockReader::read(T& row) {
  if (!next()) return false;
  visit_fields(row, detail::CellVisitor{*this});
  return true;
}

/// All rows of a block. Throws DataError, with line and column, for the first cell that does not fit its field, or
/// leaves its record out, as the block's options say, and counts it in `left_out`.
template <class T>
std::vector<T> read_rows(const Block& block, std::uint64_t* left_out = nullptr) {
  BlockReader reader{block, field_names<T>()};
  return crema::detail::read_good_rows<T>(reader, {block.path, block.options.on_bad_record}, left_out);
}

/// The records that read_rows leaves out.
template <class T>
std::vector<BadRecord> read_bad_records(const Block& block) {
  BlockReader reader{block, field_names<T>()};
  return crema::detail::read_bad_records<T>(reader);
}

}  // namespace crema::csv
