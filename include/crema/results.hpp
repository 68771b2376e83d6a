#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "crema/future.hpp"
#include "crema/result_options.hpp"
#include "crema/result_table.hpp"
#include "crema/table_rows.hpp"

namespace crema {

template <class T>
class Dataset;

namespace detail {

template <class T>
inline constexpr bool is_dataset = false;
template <class T>
inline constexpr bool is_dataset<Dataset<T>> = true;

/// What a table can be made from: a range of rows, a range of futures of rows, a dataset.
template <class Source>
concept TableSource = is_dataset<std::remove_cvref_t<Source>> || std::ranges::input_range<Source>;

template <class T>
concept ArrayElement = (std::is_arithmetic_v<T> && !std::same_as<T, long double>) || std::is_enum_v<T>;

/// Rows of futures that are fetched together.
inline constexpr std::size_t prefetched_rows = 1024;

/// The value a source yields at one place; waits for a future.
template <class T>
decltype(auto) resolve(const T& item) {
  if constexpr (is_future<T>) {
    return item.get();
  } else {
    return (item);
  }
}

}  // namespace detail

template <detail::ArrayElement T>
class Array;

/// What the job stores for post-processing, under /results of the run file (src/record/README.md shows how to read it).
/// Every name is used once: a name in use, or one that is empty, "." or ".." or holds a '/', is a UsageError.
/// Calls may wait while more than record::max_queued_result_bytes wait for the disk, and throw Error once the file
/// cannot be written. Where a future's or a dataset's failure passes through, the rows before it are stored.
/// Thread safety: the driver's thread only.
class Results {
 public:
  /// The job makes it; `file` outlives it or close() is called first.
  explicit Results(record::RunFile& file) : file_{file} {}
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  /// Stores a number, bool, enum, text, chrono time or duration, an optional of these, or a vector of these.
  /// An empty optional number is NaN if it is a float, else zero with `<name>_valid` false beside it.
  template <class T>
  void value(const std::string& name, const T& value, const ValueOptions& options = {}) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      store(name, std::vector{std::string{std::string_view{value}}}, true, options);
    } else if constexpr (detail::is_vector<T>) {
      static_assert(detail::is_cell<typename T::value_type>,
                    "crema: a stored vector must hold numbers, bools, enums, strings or chrono times");
      store(name, value, false, options);
    } else {
      static_assert(detail::is_cell<T>,
                    "crema: a stored value must be a number, bool, enum, string, chrono time, std::optional of these "
                    "or a std::vector of these; store records with table()");
      store(name, std::vector<T>{value}, true, options);
    }
  }

  /// Stores rows as a table: a range of rows, a range of futures of rows (taken in order; waits for each), or a
  /// dataset. A row is a record, or one field, of what value() takes but for vectors, of std::array of numbers or of
  /// such arrays, and of such records.
  template <detail::TableSource Source>
  void table(const std::string& name, Source&& source, const TableOptions& options = {}) {
    if constexpr (detail::is_dataset<std::remove_cvref_t<Source>>) {
      table(name, source.rows(), options);
    } else {
      using Item = std::ranges::range_value_t<Source>;
      using Row = std::remove_cvref_t<decltype(detail::resolve(std::declval<const Item&>()))>;
      Table<Row> rows = table<Row>(name, options);
      std::size_t position = 0;
      for (const Item& item : source) {
        if constexpr (detail::is_future<Item> && std::ranges::contiguous_range<Source>)
          if (position++ % detail::prefetched_rows == 0)
            Item::prefetch(
                std::span{&item, std::min(detail::prefetched_rows, std::ranges::size(source) - position + 1)});
        rows.append(detail::resolve(item));
      }
    }
  }
  /// A table that is filled row by row.
  template <class Row>
  [[nodiscard]] Table<Row> table(const std::string& name, const TableOptions& options = {}) {
    return Table<Row>{open_table(name, columns_of<Row>(), options)};
  }

  /// Stores an array in row-major order. UsageError when `values` and `shape` differ in size.
  template <std::ranges::contiguous_range Values>
  requires detail::ArrayElement<std::ranges::range_value_t<Values>>
  void array(const std::string& name, const Values& values, const std::vector<std::size_t>& shape,
             const ArrayOptions& options = {}) {
    using T = std::ranges::range_value_t<Values>;
    const std::span<const T> span{values};
    check_size(name, span.size(), shape);
    array<T>(name, shape, options).write(std::vector<std::size_t>(shape.size()), span, shape);
  }
  /// An array that is filled block by block, in any order; what is never written is NaN (integers: zero).
  template <detail::ArrayElement T>
  [[nodiscard]] Array<T> array(const std::string& name, const std::vector<std::size_t>& shape,
                               const ArrayOptions& options = {}) {
    create_array(name, detail::column_type_of<T>(), shape, options);
    return Array<T>{*this, name, shape};
  }

  /// Writes what tables still hold. The job calls it when the driver has ended, before the run file is finished.
  void close();

 private:
  template <detail::ArrayElement T>
  friend class Array;

  template <class T>
  void store(const std::string& name, const std::vector<T>& values, bool scalar, const ValueOptions& options) {
    ColumnBatch batch{columns_of<T>()};
    for (const T& item : values) append_row<T>(batch, item);
    store(name, std::move(batch), scalar, options);
  }
  void store(const std::string& name, ColumnBatch values, bool scalar, const ValueOptions& options);
  std::shared_ptr<detail::TableWriter> open_table(const std::string& name, const std::vector<ColumnSpec>& columns,
                                                  const TableOptions& options);
  static void check_size(const std::string& name, std::size_t values, const std::vector<std::size_t>& shape);
  void create_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& shape,
                    const ArrayOptions& options);
  void write_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& array_shape,
                   const std::vector<std::size_t>& offset, const std::vector<std::size_t>& block_shape,
                   std::span<const std::byte> block);

  record::RunFile& file_;
  std::vector<std::weak_ptr<detail::TableWriter>> tables_;
};

/// An array that takes blocks: `results().array<T>(name, shape)`. Valid as long as the job's results.
/// Thread safety: the driver's thread only.
template <detail::ArrayElement T>
class Array {
 public:
  /// Writes a block (a contiguous range of T, or a future of one) whose first element goes to `offset`, and returns
  /// when it is written. `block_shape` empty: as many whole slices of the first dimension as the block holds.
  /// UsageError when the block is of another size than its shape or leaves the array.
  template <class Block>
  void write(const std::vector<std::size_t>& offset, const Block& block,
             const std::vector<std::size_t>& block_shape = {}) {
    const auto& values = detail::resolve(block);
    static_assert(std::is_convertible_v<decltype(values), std::span<const T>>,
                  "crema: a block must be a contiguous range of the array's element type, or a future of one");
    results_->write_array(name_, detail::column_type_of<T>(), shape_, offset, block_shape,
                          std::as_bytes(std::span<const T>{values}));
  }
  /// The same, for whole slices from index `first` of the first dimension.
  template <class Block>
  void write(std::size_t first, const Block& block) {
    std::vector<std::size_t> offset(shape_.size());
    offset.at(0) = first;
    write(offset, block);
  }

 private:
  friend class Results;
  Array(Results& results, std::string name, std::vector<std::size_t> shape)
      : results_{&results}, name_{std::move(name)}, shape_{std::move(shape)} {}

  Results* results_;
  std::string name_;
  std::vector<std::size_t> shape_;
};

}  // namespace crema
