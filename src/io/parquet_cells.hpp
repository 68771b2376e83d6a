#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crema/errors.hpp"
#include "crema/parquet_column.hpp"

// Declared here, so that headers do without Arrow's.
namespace arrow {
class Array;
class ArrayData;
class DataType;
class DictionaryArray;
}  // namespace arrow

namespace crema::io {

/// Whether a column, or what is in its lists at a depth, can be read from values of a type, as far as the type tells.
bool can_read(const parquet::Column& column, const ::arrow::DataType& type, std::size_t depth);
/// What the values of a column must be, for errors: "values that fit int32".
std::string expected_values(const parquet::Column& column);

/// Appends arrays of a type that can_read() to one column. Thread safety: none.
class CellReader {
 public:
  /// All must outlive it.
  CellReader(const std::string& path, std::int32_t row_group, parquet::Column& column)
      : path_{path}, row_group_{row_group}, column_{column} {}

  /// The column has no rows from now on; those it had count in errors.
  void clear();
  /// As many rows as the array has elements. What does not fit leaves anything in its place. Throws DataError for what
  /// no whole file has.
  void append(const ::arrow::Array& array);

  /// A value that does not fit its field.
  struct Misfit {
    std::size_t row = 0;  ///< of the column
    std::string found;
  };
  /// One or more of each row that has any; in no order.
  [[nodiscard]] const std::vector<Misfit>& misfits() const noexcept { return misfits_; }
  [[nodiscard]] DataError error(const Misfit& misfit) const;

 private:
  void append_elements(std::size_t depth, const ::arrow::Array& array);
  void append_cells(const ::arrow::Array& array);
  void append_dictionary(const ::arrow::Array& array);
  void take_dictionary(const ::arrow::DictionaryArray& array);
  template <class Lists>
  void append_lists(std::size_t depth, const Lists& array);
  template <class Texts>
  void append_texts(const Texts& texts);
  void append_text(std::string_view text);
  template <class To>
  void append_numbers(const ::arrow::Array& array);
  template <class To, class Numbers>
  void convert(const Numbers& numbers);
  template <class To, class Make, class Describe>
  void append_fixed(const ::arrow::Array& array, Make&& make, Describe&& describe);
  void append_times(const ::arrow::Array& array);
  template <class Append>
  void each(const ::arrow::Array& array, Append&& append);
  void append_missing();
  /// Takes down that the next of the lists at a depth, or of the cells below all of them, does not fit.
  void refuse(std::string found, std::size_t depth);
  void refuse_cell(std::string found) { refuse(std::move(found), column_.lists.size()); }
  [[noreturn]] void fail(std::string found, std::size_t depth) const;

  const std::string& path_;
  std::int32_t row_group_;
  parquet::Column& column_;
  std::size_t first_row_ = 0;  // of the column, in the row group
  std::vector<Misfit> misfits_;
  // Of texts: the dictionary that was used last, as cells; its texts are shared ones of the column from this one on.
  std::shared_ptr<const ::arrow::ArrayData> dictionary_;
  parquet::Column entries_{};
  std::size_t first_entry_ = 0;
};

}  // namespace crema::io
