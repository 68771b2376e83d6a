#pragma once

// Rows as text for people.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/columns.hpp"
#include "crema/schema.hpp"
#include "crema/table_rows.hpp"
#include "crema/time_text.hpp"

namespace crema::dataset {

struct ShownCell {
  std::string text;
  bool number = false;
};

std::string shown_number(double value);
/// An aligned table.
std::string table_text(std::vector<std::string> names, std::vector<std::vector<ShownCell>> rows);

template <class Field>
ShownCell shown(const Field& field) {
  if constexpr (crema::detail::is_optional<Field>) {
    ShownCell cell;
    if (field) cell = shown(*field);
    cell.number = cell.number || std::is_arithmetic_v<typename Field::value_type>;
    return cell;
  } else if constexpr (std::same_as<Field, std::string>) {
    return {field};
  } else if constexpr (std::same_as<Field, bool>) {
    return {field ? "true" : "false"};
  } else if constexpr (std::is_enum_v<Field>) {
    return {std::to_string(static_cast<std::int64_t>(field)), true};
  } else if constexpr (std::integral<Field>) {
    return {std::to_string(field), true};
  } else if constexpr (std::floating_point<Field>) {
    return {shown_number(static_cast<double>(field)), true};
  } else if constexpr (crema::detail::is_time_point<Field>) {
    return {crema::detail::time_text(field)};
  } else {
    static_assert(crema::detail::is_duration<Field>);
    return {shown_number(std::chrono::duration<double>{field}.count()) + " s", true};
  }
}

/// Beyond so many bytes nothing is shown of a vector or array: table_text cuts it sooner.
constexpr std::size_t longest_shown = 200;

/// What is shown in brackets.
template <class Field>
inline constexpr bool is_sequence = crema::detail::is_vector<Field> || crema::detail::is_number_array<Field>;

template <class Field>
void append_shown(std::string& text, const Field& field);

struct ShownMembers {
  template <class Field>
  static constexpr bool takes = true;
  std::string& text;
  bool first = true;

  template <class Field>
  void operator()(const std::string& name, const Field& field) {
    text.append(first ? "" : ", ").append(name).append(": ");
    append_shown(text, field);
    first = false;
  }
};

/// An element of a vector or array.
template <class Field>
void append_shown(std::string& text, const Field& field) {
  if constexpr (crema::detail::is_cell<Field>) {
    text += shown(field).text;
  } else if constexpr (crema::detail::is_optional<Field>) {
    if (field) append_shown(text, *field);
  } else if constexpr (is_sequence<Field>) {
    text += '[';
    for (std::size_t i = 0; i < field.size() && text.size() < longest_shown; ++i) {
      if (i > 0) text += ", ";
      append_shown(text, static_cast<const typename Field::value_type&>(field[i]));
    }
    text += ']';
  } else {
    text += '{';
    visit_fields(field, ShownMembers{text});
    text += '}';
  }
}

/// One whose fields say what there is.
template <class T>
const T& empty() {
  static_assert(std::default_initializable<T>,
                "crema: rows whose columns are told or shown, and records in them, need a default constructor");
  static const T value{};
  return value;
}

/// Visits the fields of a row as show() has them: vectors and arrays come whole, and so do optional records.
struct ShownFields {
  template <class Field>
  static constexpr bool takes = is_sequence<Field> || crema::detail::is_optional<Field>;
};

/// Collects the columns of a row that is inside of `Outer...`.
template <class... Outer>
struct SchemaCollector : ShownFields {
  std::vector<ColumnSpec>& columns;
  std::string outer{};
  bool optional = false;
  std::uint32_t lists = 0;

  SchemaCollector(std::vector<ColumnSpec>& all, std::string prefix, bool in_optional, std::uint32_t in_lists)
      : columns{all}, outer{std::move(prefix)}, optional{in_optional}, lists{in_lists} {}

  template <class Field>
  void operator()(const std::string& name, const Field&) const {
    if constexpr (crema::detail::is_cell<Field> || crema::detail::is_number_array<Field>) {
      ColumnSpec& column = columns.emplace_back(crema::detail::column_of<Field>(outer + name));
      column.optional = column.optional || optional;
      column.lists = lists;
    } else if constexpr (crema::detail::is_vector<Field>) {
      SchemaCollector{columns, outer, optional, lists + 1}(name, empty<typename Field::value_type>());
    } else if constexpr (crema::detail::is_optional<Field>) {
      SchemaCollector{columns, outer, true, lists}(name, empty<typename Field::value_type>());
    } else {
      constexpr bool ends = (!std::same_as<Field, Outer> && ...);
      static_assert(ends, "crema: a row that has rows of its own type inside has no end of columns");
      if constexpr (ends)
        visit_fields(empty<Field>(), SchemaCollector<Outer..., Field>{columns, outer + name + ".", optional, lists});
    }
  }
};

/// The columns of a row, in the order of its `serialize`.
template <class T>
std::vector<ColumnSpec> schema_of() {
  std::vector<ColumnSpec> columns;
  visit_fields(empty<T>(), SchemaCollector<T>{columns, "", false, 0});
  return columns;
}

/// Collects the names of the columns of a table, and the cells of one of its rows.
struct RowShower : ShownFields {
  std::vector<std::string>* names = nullptr;
  std::vector<ShownCell>* cells = nullptr;
  std::string outer{};
  bool missing = false;

  template <class Field>
  void operator()(const std::string& name, const Field& field) const {
    if constexpr (crema::detail::is_cell<Field> || is_sequence<Field>) {
      if (names != nullptr) names->push_back(outer + name);
      if (cells == nullptr) return;
      ShownCell& cell = cells->emplace_back();
      if constexpr (crema::detail::is_cell<Field>)
        cell = shown(field);
      else
        append_shown(cell.text, field);
      if (missing) cell.text.clear();
    } else if constexpr (crema::detail::is_optional<Field>) {
      RowShower inner{*this};
      inner.missing = missing || !field;
      inner(name, field ? *field : empty<typename Field::value_type>());
    } else {
      RowShower inner{*this};
      inner.outer += name + ".";
      visit_fields(field, inner);
    }
  }
};

template <class T>
std::string table_of(const std::vector<T>& rows) {
  std::vector<std::string> names;
  RowShower header;
  header.names = &names;
  visit_fields(empty<T>(), header);
  std::vector<std::vector<ShownCell>> lines;
  for (auto&& row : rows) {
    RowShower line;
    line.cells = &lines.emplace_back();
    visit_fields(static_cast<const T&>(row), line);
  }
  return table_text(std::move(names), std::move(lines));
}

}  // namespace crema::dataset
