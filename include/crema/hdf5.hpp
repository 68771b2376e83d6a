#pragma once

#include <boost/serialization/nvp.hpp>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "crema/dataset.hpp"
#include "crema/hdf5_arrays.hpp"
#include "crema/number_arrays.hpp"
#include "crema/read_options.hpp"
#include "crema/table_rows.hpp"

namespace crema {

namespace hdf5 {

/// Some rows of one table or array, to be read by any rank.
struct Block {
  std::string path;
  std::string table;
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(table);
    archive& BOOST_SERIALIZATION_NVP(first) & BOOST_SERIALIZATION_NVP(count);
  }
};

/// Blocks of the tables, as encoded hdf5::Block. Throws DataError where a file or table cannot be read as these
/// columns.
dataset::DescriptionSource open_blocks(const Paths& paths, const std::string& table,
                                       const std::vector<ColumnSpec>& columns);
/// Throws DataError as open_blocks does.
ColumnBatch read_columns(const Block& block, const std::vector<ColumnSpec>& columns);

/// The same for arrays.
dataset::DescriptionSource open_array_blocks(const Paths& paths, const std::string& array, const ArraySpec& spec);
ArrayRows read_array(const Block& block, const ArraySpec& spec);

/// The rows of all files, as the files tell. Throw as open_blocks does.
std::uint64_t count_rows(const Paths& paths, const std::string& table, const std::vector<ColumnSpec>& columns);
std::uint64_t count_array_rows(const Paths& paths, const std::string& array, const ArraySpec& spec);

/// Writes a file of one table, from batches of these columns. `next` gives them until there is none.
void write_table(const std::string& path, const std::string& table, const std::vector<ColumnSpec>& columns,
                 const std::function<std::optional<ColumnBatch>()>& next);

/// Takes one row out of a batch made for columns_of<T>().
class RowTaker : public detail::TableFields {
 public:
  RowTaker(ColumnBatch& batch, std::size_t row) : batch_{batch}, row_{row} {}

  template <class Field>
  void operator()(const std::string& /*name*/, Field& field) {
    ColumnBatch::Column& column = batch_.columns[next_++];
    if constexpr (detail::is_optional<Field>) {
      typename Field::value_type value{};
      take(column, value);
      bool there = column.valid[row_] != 0;
      if constexpr (std::floating_point<typename Field::value_type>) there = there && !std::isnan(value);
      field.reset();
      if (there) field = std::move(value);
    } else {
      take(column, field);
    }
  }

 private:
  template <class Value>
  void take(ColumnBatch::Column& column, Value& value) const {
    if constexpr (std::same_as<Value, std::string>) {
      value = std::move(column.texts[row_]);
    } else if constexpr (std::same_as<Value, bool>) {
      value = column.values.data()[row_] != std::byte{0};
    } else if constexpr (detail::is_time_point<Value>) {
      value = Value{of_nanoseconds<typename Value::duration>(column)};
    } else if constexpr (detail::is_duration<Value>) {
      value = of_nanoseconds<Value>(column);
    } else {
      value = stored<std::conditional_t<std::same_as<Value, long double>, double, Value>>(column);
    }
  }
  template <class Stored>
  [[nodiscard]] Stored stored(const ColumnBatch::Column& column) const {
    Stored value{};
    std::memcpy(&value, column.values.data() + row_ * sizeof value, sizeof value);
    return value;
  }
  template <class Duration>
  [[nodiscard]] Duration of_nanoseconds(const ColumnBatch::Column& column) const {
    const std::chrono::nanoseconds nanoseconds{stored<std::int64_t>(column)};
    // floor would take a whole unit off where a float comes out a little above.
    if constexpr (std::chrono::treat_as_floating_point_v<typename Duration::rep>)
      return std::chrono::duration_cast<Duration>(nanoseconds);
    else
      return std::chrono::floor<Duration>(nanoseconds);
  }

  ColumnBatch& batch_;
  std::size_t row_;
  std::size_t next_ = 0;
};

template <class T>
struct Load {
  static Bytes body(void* subject, ByteReader& description) {
    ColumnBatch batch = read_columns(decode<Block>(description), columns_of<T>());
    std::vector<T> rows(batch.rows);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      RowTaker taker{batch, i};
      if constexpr (std::same_as<T, bool>) {
        bool row = false;
        visit_fields(row, taker);
        rows[i] = row;
      } else {
        visit_fields(rows[i], taker);
      }
    }
    dataset::rows_of(subject).assign(std::move(rows));
    return {};
  }
};

template <class T>
struct LoadArray {
  static Bytes body(void* subject, ByteReader& description) {
    const auto block = decode<Block>(description);
    const ArrayRows array = read_array(block, array_spec_of<T>());
    std::vector<T> rows(static_cast<std::size_t>(block.count));
    const std::byte* from = array.numbers.data();
    for (T& row : rows) from = detail::NumberArray<T>::take(row, from, array.row_shape);
    dataset::rows_of(subject).assign(std::move(rows));
    return {};
  }
};

}  // namespace hdf5

/// The rows of a table in HDF5 files: a one-dimensional dataset of compounds, a group of one-dimensional datasets (what
/// Results::table stores), or, where T is itself a number or text, a one-dimensional dataset of such.
///
/// Columns match the fields of T's `serialize` by name, in any order; other columns are ignored; nested records are
/// columns like "pos.x", or compounds in compounds. A std::array of numbers, or of such arrays, is an array of these
/// sizes in a compound, or a column with further dimensions of these sizes. What is stored must fit the field whatever
/// its value is: an int64 column needs an int64 field. Enums are read from enums and integers of their size, bools from
/// h5py's. A std::optional is empty where a float is NaN, or where the column "<name>_valid" says so. Time points and
/// durations are int64 nanoseconds whose attribute "units" is "nanoseconds since 1970-01-01" (UTC) and "nanoseconds",
/// as run files have them; what is finer than the field's unit is rounded down.
///
/// A dataset of numbers with more dimensions has a row for each value of its first index; arrays that it holds count as
/// its last dimensions. Where it has two, rows x n, T is a std::vector of any n numbers or a std::array of exactly n;
/// where it has three, rows x n x m, a std::vector or std::array of n such of m; and so on. T's numbers are integers,
/// float or double that hold every value of the type stored; enums are read as integers of their size. A table of the
/// one column "value", as write_hdf5 stores such rows, is that column. The arrays of a run file are
/// "results/<name>/values". A block reads the slab of its rows, as many whole chunks as are worth a task unless one is
/// more than 64 MiB, and nothing else of the dataset.
///
/// Nothing is read before a consumer asks. It throws DataError, before any work starts, for files, tables and columns
/// that cannot be read so. HDF5 is used by one thread of a process at a time.
template <class T>
[[nodiscard]] Dataset<T> read_hdf5(Paths paths, std::string table) {
  const std::string name = "read_hdf5<" + demangle(typeid(T).name()) + ">";
  if constexpr (detail::NumberArray<T>::is_array) {
    dataset::Plan plan = dataset::load_plan(dataset::step<hdf5::LoadArray<T>>(name), [paths, table] {
      return hdf5::open_array_blocks(paths, table, hdf5::array_spec_of<T>());
    });
    plan.count = [paths = std::move(paths), table = std::move(table)] {
      return hdf5::count_array_rows(paths, table, hdf5::array_spec_of<T>());
    };
    return Dataset<T>{std::move(plan)};
  } else {
    dataset::Plan plan = dataset::load_plan(dataset::step<hdf5::Load<T>>(name), [paths, table] {
      return hdf5::open_blocks(paths, table, columns_of<T>());
    });
    plan.count = [paths = std::move(paths), table = std::move(table)] {
      return hdf5::count_rows(paths, table, columns_of<T>());
    };
    return Dataset<T>{std::move(plan)};
  }
}

template <class T>
void Dataset<T>::write_hdf5(const std::string& path, const std::string& table) const {
  constexpr std::size_t rows_per_batch = 8192;  // as many as are stored together
  RowRange<T> all = rows();
  std::optional<typename RowRange<T>::iterator> row;
  hdf5::write_table(path, table, columns_of<T>(), [&]() -> std::optional<ColumnBatch> {
    if (!row) row.emplace(all.begin());
    ColumnBatch batch{columns_of<T>()};
    for (; batch.rows < rows_per_batch && *row != all.end(); ++*row) append_row<T>(batch, **row);
    return batch.rows == 0 ? std::nullopt : std::optional{std::move(batch)};
  });
}

}  // namespace crema
