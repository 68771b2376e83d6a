#pragma once

// Rows to columns of Parquet files and back: the fields of a type's `serialize` are the columns, by name.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/columns.hpp"
#include "crema/schema.hpp"
#include "crema/table_rows.hpp"

namespace crema::parquet {

/// How a time or duration is counted: a tick is `numerator / denominator` seconds.
struct Ticks {
  std::int64_t numerator = 1;
  std::int64_t denominator = 1;
  std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  std::int64_t highest = std::numeric_limits<std::int64_t>::max();
};

/// The cells of one field, row after row. Plain data: typed code and files fill it and take it apart.
/// Thread safety: none; one owner at a time.
struct Column {
  std::string name;  ///< nested members are joined with a dot: "pos.x"
  ColumnType type = ColumnType::float64;
  bool optional = false;       ///< a cell may be missing
  bool list = false;           ///< each row has any number of cells
  bool optional_list = false;  ///< a row may have no list at all
  Ticks ticks{};               ///< of times and durations

  /// Cells of fixed width: native byte order, bool as one byte, times as ticks in 64 bits. Of text: one behind the
  /// other.
  ByteBuffer values{};
  std::vector<std::uint64_t> text_ends{};  ///< for each text in `values`: the bytes up to its end
  std::vector<std::uint32_t> codes{};  ///< for each cell of text: which of these it is; without: the one in its place
  std::vector<std::uint8_t> valid{};   ///< for each cell: 1 where it is there; elsewhere its value is anything
  std::vector<std::uint64_t> ends{};   ///< for each list: the cells up to its end, from the first list on
  std::vector<std::uint8_t> there{};   ///< for each list: 1 where there is one
};

namespace detail {

/// What a field is made of: one cell, or the cells of a list.
template <class Field>
struct Shape {
  using Cell = Field;
  static constexpr bool list = false;
  static constexpr bool optional_list = false;
};
template <class Item, class Allocator>
struct Shape<std::vector<Item, Allocator>> {
  using Cell = Item;
  static constexpr bool list = true;
  static constexpr bool optional_list = false;
};
template <class Item, class Allocator>
struct Shape<std::optional<std::vector<Item, Allocator>>> : Shape<std::vector<Item, Allocator>> {
  static constexpr bool optional_list = true;
};

/// Visits the fields of a row; lists come whole.
struct FieldVisitor {
  static constexpr bool ignores_names = false;
  template <class Field>
  static constexpr bool takes = Shape<Field>::list;
};

/// The unit in which a time or duration is kept: its own, unless that is counted in floats.
template <class Duration>
using TicksOf =
    std::conditional_t<std::chrono::treat_as_floating_point_v<typename Duration::rep>, std::chrono::nanoseconds,
                       std::chrono::duration<std::int64_t, typename Duration::period>>;

template <class Time>
struct DurationIn {
  using type = Time;
};
template <class D>
struct DurationIn<std::chrono::time_point<std::chrono::system_clock, D>> {
  using type = D;
};

template <class Cell>
Ticks ticks_of() {
  if constexpr (crema::detail::is_time_point<Cell> || crema::detail::is_duration<Cell>) {
    using Duration = typename DurationIn<Cell>::type;
    using Period = typename TicksOf<Duration>::period;
    Ticks ticks{.numerator = Period::num, .denominator = Period::den};
    using Limits = std::numeric_limits<typename Duration::rep>;
    if constexpr (std::signed_integral<typename Duration::rep> && sizeof(typename Duration::rep) < 8) {
      ticks.lowest = Limits::min();
      ticks.highest = Limits::max();
    }
    return ticks;
  } else {
    return {};
  }
}

struct ColumnCollector : FieldVisitor {
  std::vector<Column> columns{};

  template <class Field>
  void operator()(const std::string& name, const Field&) {
    using Fields = Shape<Field>;
    using Item = typename Fields::Cell;
    constexpr bool is_cell = crema::detail::is_cell<Item>;
    static_assert(
        is_cell,
        "crema: a std::vector in a row of a Parquet file must hold numbers, bools, enums, std::string, chrono "
        "times or std::optional of these");
    if constexpr (is_cell) {
      using Cell = typename crema::detail::CellOf<Item>::type;
      columns.push_back({.name = name,
                         .type = crema::detail::column_type_of<Cell>(),
                         .optional = crema::detail::is_optional<Item>,
                         .list = Fields::list,
                         .optional_list = Fields::optional_list,
                         .ticks = ticks_of<Cell>()});
    }
  }
};

template <class Cell>
void put_value(Column& column, const Cell& value) {
  using namespace std::chrono;
  if constexpr (std::same_as<Cell, std::string>) {
    column.values.append(std::as_bytes(std::span{value}));
    column.text_ends.push_back(column.values.size());
  } else if constexpr (crema::detail::is_time_point<Cell>) {
    put_value(column, value.time_since_epoch());
  } else if constexpr (crema::detail::is_duration<Cell>) {
    column.values.put(std::int64_t{duration_cast<TicksOf<Cell>>(value).count()});
  } else if constexpr (std::same_as<Cell, long double>) {
    column.values.put(static_cast<double>(value));
  } else {
    column.values.put(value);
  }
}

template <class Cell>
void put_cell(Column& column, const Cell& cell) {
  if constexpr (crema::detail::is_optional<Cell>) {
    column.valid.push_back(cell.has_value());
    if (cell) {
      put_value(column, *cell);
    } else {
      put_value(column, typename Cell::value_type{});
    }
  } else {
    column.valid.push_back(1);
    put_value(column, cell);
  }
}

template <class Cell>
void take_value(const Column& column, std::size_t place, Cell& value) {
  using namespace std::chrono;
  if constexpr (std::same_as<Cell, std::string>) {
    const std::size_t text = column.codes.empty() ? place : column.codes[place];
    const std::uint64_t begin = text == 0 ? 0 : column.text_ends[text - 1];
    value.assign(reinterpret_cast<const char*>(column.values.data()) + begin, column.text_ends[text] - begin);
  } else if constexpr (crema::detail::is_time_point<Cell>) {
    typename Cell::duration since_epoch{};
    take_value(column, place, since_epoch);
    value = Cell{since_epoch};
  } else if constexpr (crema::detail::is_duration<Cell>) {
    std::int64_t ticks{};
    take_value(column, place, ticks);
    value = duration_cast<Cell>(TicksOf<Cell>{ticks});
  } else if constexpr (std::same_as<Cell, bool>) {
    value = column.values.data()[place] != std::byte{0};
  } else {
    std::conditional_t<std::same_as<Cell, long double>, double, Cell> stored{};
    std::memcpy(&stored, column.values.data() + place * sizeof stored, sizeof stored);
    value = stored;
  }
}

template <class Cell>
void take_cell(const Column& column, std::size_t place, Cell& cell) {
  if constexpr (crema::detail::is_optional<Cell>) {
    cell.reset();
    if (column.valid[place] != 0) take_value(column, place, cell.emplace());
  } else {
    take_value(column, place, cell);
  }
}

struct RowAppender : FieldVisitor {
  static constexpr bool ignores_names = true;
  explicit RowAppender(std::vector<Column>& all) : columns{all} {}
  std::vector<Column>& columns;
  std::size_t next = 0;

  template <class Field>
  void operator()(const std::string& /*name*/, const Field& field) {
    Column& column = columns.at(next++);
    if constexpr (!Shape<Field>::list) {
      put_cell(column, field);
    } else {
      if constexpr (Shape<Field>::optional_list) {
        if (field) put_items(column, *field);
        column.there.push_back(field.has_value());
      } else {
        put_items(column, field);
        column.there.push_back(1);
      }
      column.ends.push_back(column.valid.size());
    }
  }

 private:
  template <class Vector>
  static void put_items(Column& column, const Vector& items) {
    for (auto&& item : items) put_cell(column, static_cast<const typename Vector::value_type&>(item));
  }
};

struct RowTaker : FieldVisitor {
  static constexpr bool ignores_names = true;
  RowTaker(const std::vector<Column>& all, std::size_t which) : columns{all}, row{which} {}
  const std::vector<Column>& columns;
  std::size_t row;
  std::size_t next = 0;

  template <class Field>
  void operator()(const std::string& /*name*/, Field& field) {
    const Column& column = columns[next++];
    if constexpr (!Shape<Field>::list) {
      take_cell(column, row, field);
    } else if constexpr (Shape<Field>::optional_list) {
      field.reset();
      if (column.there[row] != 0) take_items(column, field.emplace());
    } else {
      take_items(column, field);
    }
  }

 private:
  template <class Vector>
  void take_items(const Column& column, Vector& items) const {
    items.clear();
    const std::uint64_t end = column.ends[row];
    for (std::uint64_t place = row == 0 ? 0 : column.ends[row - 1]; place < end; ++place) {
      typename Vector::value_type item{};
      take_cell(column, place, item);
      items.push_back(std::move(item));
    }
  }
};

}  // namespace detail

/// The columns of a record, without rows, in the order of its `serialize`.
template <class T>
std::vector<Column> columns_of() {
  static_assert(
      std::default_initializable<T>,
      "crema: a row of a Parquet file must be default constructible: give it a constructor without arguments");
  detail::ColumnCollector collector;
  const T row{};
  visit_fields(row, collector);
  return std::move(collector.columns);
}

/// The same with rows.
template <class T>
std::vector<Column> columns_with(const std::vector<T>& rows) {
  std::vector<Column> columns = columns_of<T>();
  for (auto&& row : rows) visit_fields(static_cast<const T&>(row), detail::RowAppender{columns});
  return columns;
}

/// Adds the first `count` rows of columns made for columns_of<T>().
template <class T>
void append_rows(std::vector<T>& rows, const std::vector<Column>& columns, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (std::same_as<T, bool>) {
      bool row{};
      visit_fields(row, detail::RowTaker{columns, i});
      rows.push_back(row);
    } else {
      visit_fields(rows.emplace_back(), detail::RowTaker{columns, i});
    }
  }
}

}  // namespace crema::parquet
