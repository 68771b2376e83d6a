#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "crema/bad_record.hpp"
#include "crema/block_records.hpp"
#include "crema/dataset.hpp"
#include "crema/errors.hpp"
#include "crema/parquet_columns.hpp"
#include "crema/part_files.hpp"
#include "crema/read_options.hpp"
#include "crema/record_files.hpp"

namespace crema {

/// Whether this crema was built with Arrow C++, which reads and writes Parquet files. Thread safety: any thread.
[[nodiscard]] bool parquet_available();

namespace parquet {

/// One row group of a file, counted from 0.
struct Block {
  std::string path;
  std::int32_t row_group = 0;
  ReadOptions options{};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(row_group) & BOOST_SERIALIZATION_NVP(options);
  }
};

/// A row with a value that does not fit its field.
struct BadRow {
  std::size_t row = 0;  ///< of its slice
  DataError error;      ///< of the first such column
};
/// Some rows of a block, which are in its columns: few enough for caches.
struct Slice {
  std::size_t rows = 0;
  std::size_t left = 0;                                ///< in the block: these and those behind them
  std::vector<BadRow> bad{};                           ///< in order
  std::uint64_t first_row = 0;                         ///< of these in the file, counted from 0
  std::function<std::string(std::size_t row)> text{};  ///< of one, as an object of JSON; while the slice is at hand
};
using TakeSlice = std::function<void(const Slice& slice)>;

// Without Arrow each of these throws UsageError.

/// Throws UsageError that says how to get Arrow unless parquet_available(). `operation`: what was asked for.
void check_available(const std::string& operation);
/// The row groups of the files that have rows, as encoded Block. Reads the files' footers. Throws DataError where a
/// file is no Parquet file, or does not have these columns.
dataset::DescriptionSource open_blocks(const Paths& paths, const std::vector<Column>& columns,
                                       const ReadOptions& options);
/// How many rows the footers tell of. Throws DataError as open_blocks does.
std::uint64_t count_rows(const Paths& paths, const std::vector<Column>& columns);
/// Fills the columns with one slice of the block after the other. Throws DataError as open_blocks does, and for what
/// cannot be decoded.
void read_columns(const Block& block, std::vector<Column>& columns, const TakeSlice& take);
/// The rows with values that do not fit.
std::vector<BadRecord> read_bad_records(const Block& block, std::vector<Column> columns);
/// The content of a file with these columns. Throws Error that names column and row of what cannot be written.
std::string file_of(const std::vector<Column>& columns, std::size_t rows);

/// All rows of a block. Throws DataError for the first value that does not fit, or leaves its row out, as the block's
/// options say, and counts it in `left_out`.
template <class T>
std::vector<T> read_rows(const Block& block, std::uint64_t* left_out = nullptr) {
  std::vector<Column> columns = columns_of<T>();
  std::vector<T> rows = dataset::Rows::fresh<T>();
  crema::detail::BadRecordCount bad{block.path, block.options.on_bad_record};
  read_columns(block, columns, [&](const Slice& slice) {
    crema::detail::reserve(rows, rows.size() + slice.left);
    std::size_t begin = 0;
    for (const BadRow& row : slice.bad) {
      bad.add(row.error);
      append_rows(rows, columns, begin, row.row);
      begin = row.row + 1;
    }
    append_rows(rows, columns, begin, slice.rows);
  });
  bad.report(rows.size());
  if (left_out != nullptr) *left_out += bad.count();
  return rows;
}

/// The records that read_rows leaves out.
template <class T>
std::vector<BadRecord> read_bad_records(const Block& block) {
  return read_bad_records(block, columns_of<T>());
}

struct Format {
  static constexpr const char* extension = "parquet";
  template <class T>
  static std::string text(const std::vector<T>& rows) {
    return file_of(columns_with(rows), rows.size());
  }
};

}  // namespace parquet

/// The rows of Parquet files: of one, of those that a glob pattern matches, or of several such, in that order. Each row
/// group is a block, and only the columns that T names are read of it.
///
/// Columns match the fields of T's `serialize` by name, in any order; other columns are ignored. Members of nested
/// records are those of struct columns, or columns like "pos.x". Numbers are read from integers of any width into
/// integers (and enums, by their number) and floats, and from floats into wider floats. Text is read from strings,
/// dictionaries of strings, and bytes as they are; time points from timestamps of any unit, which are UTC, and dates;
/// durations from durations and times of day; what is finer than the field's unit is rounded down. Lists are
/// std::vector of such cells, of records, whose members are those of the lists' structs, or of such vectors. A record
/// that is null has null members. Decimals and maps are not read.
///
/// Nothing is read before a consumer asks. It throws DataError, which names file and column, before any work starts:
/// for files that cannot be read or are cut short, and for columns that are missing or of another type, in any of the
/// files. A value does not fit where its field does not hold a number exactly, or a time at all, and where it is null
/// but its field is no std::optional: of a cell, of a list, or inside one. It is a DataError with its row group and
/// row, both counted from 0, when it is reached, unless `.on_bad_record` says otherwise: then its row is left out,
/// alone. Errors name a member of records in lists "legs[].km". count() reads the footers alone unless
/// rows may be left out. Compression: whatever Arrow was built with. A T that is itself a number, a text or a
/// std::vector is the column "value". Throws UsageError at once unless parquet_available().
template <class T>
[[nodiscard]] Dataset<T> read_parquet(Paths paths, ReadOptions options = {}) {
  parquet::check_available("read_parquet<" + demangle(typeid(T).name()) + ">");
  dataset::Plan plan = detail::records_plan<T, parquet::Block>("read_parquet", options.on_bad_record, [paths, options] {
    return parquet::open_blocks(paths, parquet::columns_of<T>(), options);
  });
  if (options.on_bad_record == BadRecordPolicy::fail)
    plan.count = [paths = std::move(paths)] { return parquet::count_rows(paths, parquet::columns_of<T>()); };
  return Dataset<T>{std::move(plan)};
}

template <class T>
void Dataset<T>::write_parquet(const std::string& folder) const {
  parquet::check_available("write_parquet");
  io::write_parts<T, parquet::Format>(plan_, "write_parquet", folder);
}

}  // namespace crema
