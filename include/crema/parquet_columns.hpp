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
#include "crema/errors.hpp"
#include "crema/parquet_column.hpp"
#include "crema/schema.hpp"
#include "crema/serializable.hpp"
#include "crema/table_rows.hpp"

namespace crema::parquet {
namespace detail {

/// What a field is made of: one cell, a record, or a list of such fields.
template <class Field>
struct Shape {
  using Innermost = Field;
  static constexpr bool list = false;
  static void add_lists(std::vector<Lists>& /*lists*/) {}
};
template <class Item, class Allocator>
struct Shape<std::vector<Item, Allocator>> {
  using Innermost = typename Shape<Item>::Innermost;
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

/// What may be an element of lists besides cells; its fields are columns.
template <class Item>
inline constexpr bool is_record =
    std::is_class_v<Item>&& std::default_initializable<Item> && !crema::detail::is_optional<Item>;

/// Collects the columns of a row that is inside of `Outer...`.
template <class... Outer>
struct ColumnCollector : FieldVisitor {
  std::vector<Column>& columns;
  std::string outer{};         // what the names begin with
  std::vector<Lists> lists{};  // that the row is in

  explicit ColumnCollector(std::vector<Column>& all, std::string prefix = {}, std::vector<Lists> lists_around = {})
      : columns{all}, outer{std::move(prefix)}, lists{std::move(lists_around)} {}

  template <class Field>
  void operator()(const std::string& name, const Field&) const {
    using Item = typename Shape<Field>::Innermost;
    if (name.find(in_lists) != std::string::npos)
      throw UsageError{"the columns of a Parquet file: a field is named \"" + outer + name +
                       "\", where [] stands for the records in a list; name it otherwise"};
    std::vector<Lists> all = lists;
    Shape<Field>::add_lists(all);
    if constexpr (crema::detail::is_cell<Item>) {
      using Cell = typename crema::detail::CellOf<Item>::type;
      columns.push_back({.name = outer + name,
                         .type = crema::detail::column_type_of<Cell>(),
                         .optional = crema::detail::is_optional<Item>,
                         .ticks = ticks_of<Cell>(),
                         .lists = std::move(all)});
    } else {
      static_assert(
          is_record<Item>,
          "crema: a std::vector in a row of a Parquet file must hold numbers, bools, enums, std::string, chrono "
          "times, such vectors, std::optional of these, or records with a constructor without arguments");
      constexpr bool ends = (!std::same_as<Item, Outer> && ...);
      static_assert(ends, "crema: a row that has rows of its own type inside has no end of columns");
      if constexpr (is_record<Item> && ends) add_members<Item>(outer + name, std::move(all));
    }
  }

 private:
  template <class Record>
  void add_members(std::string name, std::vector<Lists> all) const {
    for (std::size_t depth = lists.size(); depth < all.size(); ++depth) name += in_lists;
    const std::size_t before = columns.size();
    const Record record{};
    visit_fields(record, ColumnCollector<Outer..., Record>{columns, name + ".", std::move(all)});
    if (columns.size() == before)
      throw UsageError{"the columns of a Parquet file: the records in \"" + name + "\" have no fields"};
  }
};

}  // namespace detail

/// The columns of a record, without rows, in the order of its `serialize`. Throws UsageError for records in a
/// std::vector that have no fields, and for a field whose name has "[]" in it.
template <class T>
std::vector<Column> columns_of() {
  static_assert(
      std::default_initializable<T>,
      "crema: a row of a Parquet file must be default constructible: give it a constructor without arguments");
  std::vector<Column> columns;
  const T row{};
  visit_fields(row, detail::ColumnCollector<T>{columns});
  return columns;
}

namespace detail {

/// How many columns a field has.
template <class Field>
std::size_t columns_for() {
  using Item = typename Shape<Field>::Innermost;
  if constexpr (is_record<Item>) {
    static const std::size_t count = columns_of<Item>().size();
    return count;
  } else {
    return 1;
  }
}
/// Those of a field, which are the first of these.
template <class Field, class SomeColumn>
std::span<SomeColumn> columns_for(std::span<SomeColumn> columns) {
  const std::size_t count = columns_for<Field>();
  if (columns.size() < count) crema::detail::refuse_other_fields("a row of a Parquet file");
  return columns.first(count);
}

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

template <class Field>
void put_field(std::span<Column> columns, std::size_t depth, const Field& field);
template <class Field>
void take_field(std::span<const Column> columns, std::size_t depth, std::size_t place, Field& field);

/// Adds the fields of a record, which is a row or an element of the lists above `depth`.
struct RecordAppender : FieldVisitor {
  static constexpr bool ignores_names = true;
  RecordAppender(std::span<Column> columns, std::size_t lists_above) : left{columns}, depth{lists_above} {}
  std::span<Column> left;
  std::size_t depth;

  template <class Field>
  void operator()(const std::string& /*name*/, const Field& field) {
    const auto columns = columns_for<Field>(left);
    put_field(columns, depth, field);
    left = left.subspan(columns.size());
  }
};

/// Takes the fields of the record at a place among those of its depth.
struct RecordTaker : FieldVisitor {
  static constexpr bool ignores_names = true;
  RecordTaker(std::span<const Column> columns, std::size_t lists_above, std::size_t which)
      : left{columns}, depth{lists_above}, place{which} {}
  std::span<const Column> left;
  std::size_t depth;
  std::size_t place;

  template <class Field>
  void operator()(const std::string& /*name*/, Field& field) {
    const auto columns = columns_for<Field>(left);
    take_field(columns, depth, place, field);
    left = left.subspan(columns.size());
  }
};

/// All of these are the record's.
template <class Record>
void put_record(std::span<Column> columns, std::size_t depth, const Record& record) {
  RecordAppender appender{columns, depth};
  visit_fields(record, appender);
  if (!appender.left.empty()) crema::detail::refuse_other_fields("a row of a Parquet file");
}
template <class Record>
void take_record(std::span<const Column> columns, std::size_t depth, std::size_t place, Record& record) {
  RecordTaker taker{columns, depth, place};
  visit_fields(record, taker);
  if (!taker.left.empty()) crema::detail::refuse_other_fields("a row of a Parquet file");
}

/// Adds a field, which is one of a row or an element of the lists above `depth`. All of these columns are its.
template <class Field>
void put_field(std::span<Column> columns, std::size_t depth, const Field& field) {
  if constexpr (Shape<Field>::list) {
    const auto* items = present(field);
    if (items != nullptr) {
      for (auto&& item : *items) {
        using Item = typename std::remove_cvref_t<decltype(*items)>::value_type;
        put_field(columns, depth + 1, static_cast<const Item&>(item));
      }
    }
    for (Column& column : columns) {
      column.lists[depth].there.push_back(items != nullptr);
      column.lists[depth].ends.push_back(column.count(depth + 1));
    }
  } else if constexpr (crema::detail::is_cell<Field>) {
    put_cell(columns.front(), field);
  } else if constexpr (is_record<Field>) {
    put_record(columns, depth, field);
  }
}

/// The field at a place among those of its depth.
template <class Field>
void take_field(std::span<const Column> columns, std::size_t depth, std::size_t place, Field& field) {
  if constexpr (Shape<Field>::list && crema::detail::is_optional<Field>) {
    field.reset();
    if (columns.front().lists[depth].there[place] != 0) take_field(columns, depth, place, field.emplace());
  } else if constexpr (Shape<Field>::list) {
    const std::vector<std::uint64_t>& ends = columns.front().lists[depth].ends;
    field.clear();
    for (std::uint64_t each = place == 0 ? 0 : ends[place - 1]; each < ends[place]; ++each) {
      typename Field::value_type item{};
      take_field(columns, depth + 1, each, item);
      field.push_back(std::move(item));
    }
  } else if constexpr (crema::detail::is_cell<Field>) {
    take_cell(columns.front(), place, field);
  } else if constexpr (is_record<Field>) {
    take_record(columns, depth, place, field);
  }
}

}  // namespace detail

/// The same with rows.
template <class T>
std::vector<Column> columns_with(const std::vector<T>& rows) {
  std::vector<Column> columns = columns_of<T>();
  for (auto&& row : rows) detail::put_record(std::span{columns}, 0, static_cast<const T&>(row));
  return columns;
}

/// Adds the rows from `begin` to `end` of columns made for columns_of<T>().
template <class T>
void append_rows(std::vector<T>& rows, const std::vector<Column>& columns, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if constexpr (std::same_as<T, bool>) {
      bool row{};
      detail::take_record(std::span{columns}, 0, i, row);
      rows.push_back(row);
    } else {
      detail::take_record(std::span{columns}, 0, i, rows.emplace_back());
    }
  }
}

}  // namespace crema::parquet
