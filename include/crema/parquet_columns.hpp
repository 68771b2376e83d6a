#pragma once

// Rows to columns of Parquet files and back: the fields of a type's `serialize` are the columns, by name.

#include <algorithm>
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

/// The lists of one column at one depth, one behind the other.
struct Lists {
  bool optional = false;              ///< a list may be missing
  std::vector<std::uint64_t> ends{};  ///< for each list: the elements up to its end, from the first list on
  std::vector<std::uint8_t> there{};  ///< for each list: 1 where there is one
};

/// A text that many cells have. Those that a std::string holds in itself are filled up to as many bytes as it can:
/// copying all of them and cutting takes no branch on a size that differs from cell to cell.
struct SharedText {
  explicit SharedText(std::string text) : filled{std::move(text)}, size{filled.size()} {
    filled.resize(std::max(size, std::string{}.capacity()));
  }
  void copy_to(std::string& cell) const {
    cell = filled;
    cell.resize(size);
  }
  std::string filled;
  std::size_t size;
};

/// The cells of one field, row after row. Plain data: typed code and files fill it and take it apart.
/// Thread safety: none; one owner at a time.
struct Column {
  std::string name;  ///< nested members are joined with a dot: "pos.x"
  ColumnType type = ColumnType::float64;
  bool optional = false;       ///< a cell may be missing
  Ticks ticks{};               ///< of times and durations
  std::vector<Lists> lists{};  ///< whose elements are those of the next ones, and cells at last; none: a row is a cell

  /// Cells of fixed width: native byte order, bool as one byte, times as ticks in 64 bits. Of text: one behind the
  /// other, unless there are codes.
  ByteBuffer values{};
  std::vector<std::uint64_t> text_ends{};  ///< for each cell of text in `values`: the bytes up to its end
  std::vector<SharedText> shared{};        ///< texts of cells
  std::vector<std::uint32_t> codes{};      ///< for each cell of text: which of these it is; or none
  std::vector<std::uint8_t> valid{};       ///< for each cell: 1 where it is there; elsewhere its value is anything

  /// How many lists there are at a depth, or cells below all lists.
  [[nodiscard]] std::size_t count(std::size_t depth) const {
    return depth == lists.size() ? valid.size() : lists[depth].ends.size();
  }
  [[nodiscard]] std::size_t rows() const { return count(0); }
  /// The row of one of the lists at a depth, or of a cell below all of them.
  [[nodiscard]] std::size_t row_of(std::size_t depth, std::size_t element) const {
    while (depth-- > 0) {
      const std::vector<std::uint64_t>& ends = lists[depth].ends;
      element = static_cast<std::size_t>(std::ranges::upper_bound(ends, element) - ends.begin());
    }
    return element;
  }
};

namespace detail {

/// What a field is made of: one cell, or a list of such fields.
template <class Field>
struct Shape {
  using Cell = Field;
  static constexpr bool list = false;
  static void add_lists(std::vector<Lists>& /*lists*/) {}
};
template <class Item, class Allocator>
struct Shape<std::vector<Item, Allocator>> {
  using Cell = typename Shape<Item>::Cell;
  static constexpr bool list = true;
  static void add_lists(std::vector<Lists>& lists, bool optional = false) {
    lists.push_back({.optional = optional});
    Shape<Item>::add_lists(lists);
  }
};
template <class Item, class Allocator>
struct Shape<std::optional<std::vector<Item, Allocator>>> : Shape<std::vector<Item, Allocator>> {
  static void add_lists(std::vector<Lists>& lists) { Shape<std::vector<Item, Allocator>>::add_lists(lists, true); }
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
    using Item = typename Shape<Field>::Cell;
    constexpr bool is_cell = crema::detail::is_cell<Item>;
    static_assert(
        is_cell,
        "crema: a std::vector in a row of a Parquet file must hold numbers, bools, enums, std::string, chrono "
        "times, such vectors, or std::optional of these");
    if constexpr (is_cell) {
      using Cell = typename crema::detail::CellOf<Item>::type;
      columns.push_back({.name = name,
                         .type = crema::detail::column_type_of<Cell>(),
                         .optional = crema::detail::is_optional<Item>,
                         .ticks = ticks_of<Cell>()});
      Shape<Field>::add_lists(columns.back().lists);
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
    if (!column.codes.empty()) return column.shared[column.codes[place]].copy_to(value);
    const std::uint64_t begin = place == 0 ? 0 : column.text_ends[place - 1];
    value.assign(reinterpret_cast<const char*>(column.values.data()) + begin, column.text_ends[place] - begin);
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

/// The field itself, or what is in it; null where it is empty.
template <class Field>
auto present(const Field& field) {
  if constexpr (crema::detail::is_optional<Field>) {
    return field ? &*field : nullptr;
  } else {
    return &field;
  }
}

/// Adds a field, which is a list or an element of the lists above `depth`.
template <class Field>
void put_field(Column& column, std::size_t depth, const Field& field) {
  if constexpr (!Shape<Field>::list) {
    put_cell(column, field);
  } else {
    const auto* items = present(field);
    if (items != nullptr) {
      for (auto&& item : *items) {
        using Item = typename std::remove_cvref_t<decltype(*items)>::value_type;
        put_field(column, depth + 1, static_cast<const Item&>(item));
      }
    }
    column.lists[depth].there.push_back(items != nullptr);
    column.lists[depth].ends.push_back(column.count(depth + 1));
  }
}

/// The field at a place among those of its depth.
template <class Field>
void take_field(const Column& column, std::size_t depth, std::size_t place, Field& field) {
  if constexpr (!Shape<Field>::list) {
    take_cell(column, place, field);
  } else if constexpr (crema::detail::is_optional<Field>) {
    field.reset();
    if (column.lists[depth].there[place] != 0) take_field(column, depth, place, field.emplace());
  } else {
    const std::vector<std::uint64_t>& ends = column.lists[depth].ends;
    field.clear();
    for (std::uint64_t each = place == 0 ? 0 : ends[place - 1]; each < ends[place]; ++each) {
      typename Field::value_type item{};
      take_field(column, depth + 1, each, item);
      field.push_back(std::move(item));
    }
  }
}

struct RowAppender : FieldVisitor {
  static constexpr bool ignores_names = true;
  explicit RowAppender(std::vector<Column>& all) : columns{all} {}
  std::vector<Column>& columns;
  std::size_t next = 0;

  template <class Field>
  void operator()(const std::string& /*name*/, const Field& field) {
    put_field(columns.at(next++), 0, field);
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
    take_field(columns[next++], 0, row, field);
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

/// Adds the rows from `begin` to `end` of columns made for columns_of<T>().
template <class T>
void append_rows(std::vector<T>& rows, const std::vector<Column>& columns, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
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
