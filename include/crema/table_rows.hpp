#pragma once

// Records to columns: what stores rows in tables fills ColumnBatches with these.

#include <cmath>
#include <concepts>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "crema/errors.hpp"
#include "crema/number_arrays.hpp"
#include "crema/schema.hpp"

namespace crema {

namespace detail {

/// The column type that holds a cell of type T, which is no optional: an enum is stored as its underlying integer,
/// long double as float64.
template <class T>
consteval ColumnType column_type_of() {
  if constexpr (std::is_enum_v<T>) {
    return column_type_of<std::underlying_type_t<T>>();
  } else if constexpr (std::same_as<T, std::string>) {
    return ColumnType::text;
  } else if constexpr (is_time_point<T>) {
    return ColumnType::time;
  } else if constexpr (is_duration<T>) {
    return ColumnType::duration;
  } else if constexpr (std::same_as<T, bool>) {
    return ColumnType::boolean;
  } else if constexpr (std::floating_point<T>) {
    return sizeof(T) == 4 ? ColumnType::float32 : ColumnType::float64;
  } else {
    static_assert(std::integral<T> && sizeof(T) <= 8, "crema: a cell of a table must fit a column type");
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (sizeof(T)) {
      case 1:
        return is_signed ? ColumnType::int8 : ColumnType::uint8;
      case 2:
        return is_signed ? ColumnType::int16 : ColumnType::uint16;
      case 4:
        return is_signed ? ColumnType::int32 : ColumnType::uint32;
      default:
        return is_signed ? ColumnType::int64 : ColumnType::uint64;
    }
  }
}

template <class T>
struct CellOf {
  using type = T;
};
template <class T>
struct CellOf<std::optional<T>> {
  using type = T;
};

/// What a missing value leaves in its column.
template <class T>
T missing_value() {
  if constexpr (std::floating_point<T>) {
    return std::numeric_limits<T>::quiet_NaN();
  } else {
    return T{};
  }
}

/// Throws the UsageError for a record whose fields are not those by which the columns were made. `doing`: "storing a
/// row".
[[noreturn]] inline void refuse_other_fields(const std::string& doing) {
  throw UsageError{doing +
                   ": its serialize visited other fields than for the first row; a record's serialize must name "
                   "the same fields every time"};
}

/// Visits fields that are arrays of numbers as cells of a table.
struct TableFields {
  template <class Field>
  static constexpr bool takes = is_number_array<Field>;
};

/// The column of a field that is a cell or an array of numbers.
template <class Field>
ColumnSpec column_of(std::string name) {
  using Array = NumberArray<Field>;
  ColumnSpec column{.name = std::move(name),
                    .type = column_type_of<typename CellOf<typename Array::Number>::type>(),
                    .optional = is_optional<Field>};
  Array::add_shape(column.shape);
  return column;
}

/// Adds a column for each field.
struct ColumnLister : TableFields {
  std::vector<ColumnSpec>& columns;

  explicit ColumnLister(std::vector<ColumnSpec>& all) : columns{all} {}

  template <class Field>
  void operator()(const std::string& name, const Field& /*field*/) const {
    columns.push_back(column_of<Field>(name));
  }
};

/// Appends one field to each column in turn; the columns stand in the order of the visit.
class RowAppender : public TableFields {
 public:
  explicit RowAppender(ColumnBatch& batch)
      : next_{batch.columns.data()}, end_{batch.columns.data() + batch.columns.size()} {}

  template <class T>
  void operator()(const std::string& /*name*/, const T& field) {
    if (next_ == end_) refuse_other_fields("storing a row");
    ColumnBatch::Column& column = *next_++;
    if constexpr (is_optional<T>) {
      column.valid.push_back(field.has_value());
      append(column, field ? *field : missing_value<typename CellOf<T>::type>());
    } else {
      append(column, field);
    }
  }

  /// Bytes the row takes in its batch.
  [[nodiscard]] std::size_t finish() const {
    if (next_ != end_) refuse_other_fields("storing a row");
    return bytes_;
  }

 private:
  template <class T>
  void append(ColumnBatch::Column& column, const T& value) {
    if constexpr (std::same_as<T, std::string>) {
      column.texts.push_back(value);
      bytes_ += sizeof(std::string) + value.size();
    } else if constexpr (is_time_point<T>) {
      put(column, nanoseconds_of(value.time_since_epoch()));
    } else if constexpr (is_duration<T>) {
      put(column, nanoseconds_of(value));
    } else if constexpr (std::same_as<T, long double>) {
      put(column, static_cast<double>(value));
    } else if constexpr (is_number_array<T>) {
      column.values.append(std::as_bytes(std::span{&value, 1}));
      bytes_ += sizeof value;
    } else {
      put(column, value);
    }
  }
  template <class T>
  void put(ColumnBatch::Column& column, T value) {
    column.values.put(value);
    bytes_ += sizeof(T);
  }
  /// What a column of times holds.
  template <class Rep, class Period>
  static std::int64_t nanoseconds_of(std::chrono::duration<Rep, Period> duration) {
    using std::chrono::nanoseconds;
    using Seconds = std::chrono::duration<long double>;
    const long double seconds = std::chrono::duration_cast<Seconds>(duration).count();
    constexpr long double most = 9.2e9L;  // about 292 years
    if (!(seconds > -most && seconds < most)) {
      throw Error{
          "storing a row: a time in it lies outside of the years 1678 to 2261 (a duration: is longer than 291 years), "
          "and columns hold nanoseconds; store it as a number of its own unit"};
    }
    return std::int64_t{std::chrono::duration_cast<nanoseconds>(duration).count()};
  }
  ColumnBatch::Column* next_;
  ColumnBatch::Column* end_;
  std::size_t bytes_ = 0;
};

}  // namespace detail

/// The columns a record has in a table, in the order of its `serialize`. Row needs a default constructor.
template <class Row>
std::vector<ColumnSpec> columns_of() {
  static_assert(std::default_initializable<Row>, "crema: a table's row type needs a default constructor");
  std::vector<ColumnSpec> specs;
  static const Row row{};  // it may be large
  visit_fields(row, detail::ColumnLister{specs});
  return specs;
}

/// Appends one row to a batch made from columns_of<Row>() and returns the bytes it takes there. After an exception
/// the batch is unusable.
template <class Row>
std::size_t append_row(ColumnBatch& batch, const Row& row) {
  detail::RowAppender appender{batch};
  visit_fields(row, appender);
  const std::size_t bytes = appender.finish();
  ++batch.rows;
  return bytes;
}

}  // namespace crema
