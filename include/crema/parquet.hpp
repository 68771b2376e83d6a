#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "crema/dataset.hpp"
#include "crema/parquet_columns.hpp"
#include "crema/part_files.hpp"
#include "crema/read_options.hpp"

namespace crema {

/// Whether this crema was built with Arrow C++, which reads and writes Parquet files. Thread safety: any thread.
[[nodiscard]] bool parquet_available();

namespace parquet {

/// One row group of a file, counted from 0.
struct Block {
  std::string path;
  std::int32_t row_group = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(row_group);
  }
};

// Without Arrow each of these throws UsageError.

/// Throws UsageError that says how to get Arrow unless parquet_available(). `operation`: what was asked for.
void check_available(const std::string& operation);
/// The row groups of the files that have rows, as encoded Block. Reads the files' footers. Throws DataError where a
/// file is no Parquet file, or does not have these columns.
dataset::DescriptionSource open_blocks(const Paths& paths, const std::vector<Column>& columns);
/// How many rows the footers tell of. Throws DataError as open_blocks does.
std::uint64_t count_rows(const Paths& paths, const std::vector<Column>& columns);
/// Fills the columns with some rows of the block after others, few enough for caches, and calls `take` with how many
/// these are and how many are still to come, these included. Throws DataError as open_blocks does, and for values that
/// do not fit.
using TakeRows = std::function<void(std::size_t rows, std::size_t left)>;
void read_columns(const Block& block, std::vector<Column>& columns, const TakeRows& take);
/// The content of a file with these columns. Throws Error that names column and row of what cannot be written.
std::string file_of(const std::vector<Column>& columns, std::size_t rows);

template <class T>
struct Load {
  static Bytes body(void* subject, ByteReader& description) {
    std::vector<Column> columns = columns_of<T>();
    auto rows = dataset::Rows::fresh<T>();
    read_columns(decode<Block>(description), columns, [&](std::size_t count, std::size_t left) {
      crema::detail::reserve(rows, rows.size() + left);
      append_rows(rows, columns, count);
    });
    dataset::rows_of(subject).assign(std::move(rows));
    return {};
  }
};

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
/// records are those of struct columns, or columns like "pos.x". Numbers are read from any type all of whose values the
/// field holds exactly: integers of any width into integers (and enums, by their number) and floats, floats into wider
/// floats. Text is read from strings, dictionaries of strings, and bytes as they are; time points from timestamps of
/// any unit, which are UTC, and dates; durations from durations and times of day; what is finer than the field's unit
/// is rounded down. Lists are std::vector of such cells. Null needs a std::optional: of a cell, of a list, or inside
/// one. A T that is itself a number or text is the column "value". Decimals, maps, lists of lists and lists of
/// records are not read.
///
/// Nothing is read before a consumer asks. It throws DataError, which names file and column, before any work starts:
/// for files that cannot be read or are cut short, and for columns that are missing or of another type, in any of the
/// files; for a value that does not fit, with its row group and row, when it is reached. count() reads the footers
/// alone. Compression: whatever Arrow was built with. Throws UsageError at once unless parquet_available().
template <class T>
[[nodiscard]] Dataset<T> read_parquet(Paths paths) {
  const std::string name = "read_parquet<" + demangle(typeid(T).name()) + ">";
  parquet::check_available(name);
  dataset::Plan plan = dataset::load_plan(dataset::step<parquet::Load<T>>(name),
                                          [paths] { return parquet::open_blocks(paths, parquet::columns_of<T>()); });
  plan.count = [paths = std::move(paths)] { return parquet::count_rows(paths, parquet::columns_of<T>()); };
  return Dataset<T>{std::move(plan)};
}

template <class T>
void Dataset<T>::write_parquet(const std::string& folder) const {
  parquet::check_available("write_parquet");
  io::write_parts<T, parquet::Format>(plan_, "write_parquet", folder);
}

}  // namespace crema
