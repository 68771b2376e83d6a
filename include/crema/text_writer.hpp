#pragma once

// Rows as text, in a form that the readers take back to the same values.

#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "crema/cells.hpp"
#include "crema/schema.hpp"
#include "crema/time_text.hpp"

namespace crema::detail {

/// Throws Error for a year that has not four digits, which no reader takes.
void check_year(std::chrono::sys_days day);

template <class Number>
requires std::is_arithmetic_v<Number>
void append_number(std::string& out, Number value) {
  char digits[64];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  static_cast<void>(error);  // the longest number there is has fewer characters
  out.append(digits, end);
}

/// A value that is one cell, as CellText reads it; text as it is.
template <class T>
void append_cell(std::string& out, const T& value) {
  if constexpr (is_optional<T>) {
    if (value) append_cell(out, *value);
  } else if constexpr (std::same_as<T, std::string>) {
    out += value;
  } else if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    append_number(out, +static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    append_number(out, +value);
  } else if constexpr (is_time_point<T>) {
    check_year(std::chrono::floor<std::chrono::days>(value));
    out += time_text(value);
  } else {
    [[maybe_unused]] const CellText<T> none{};  // says why such a value is no text
  }
}

/// In quotes where it holds delimiters, quotes, line feeds or blanks at an end.
void append_csv_text(std::string& out, std::string_view text);

/// A line for each row, behind a line of names, as read_csv takes them.
template <class T>
std::string csv_text(const std::vector<T>& rows) {
  std::string out;
  std::string cell;
  bool first = true;
  const auto next = [&out, &first] {
    if (!first) out += ',';
    first = false;
  };
  const auto end = [&out, &first](std::size_t begin) {
    // A line without a character is no record.
    if (out.size() == begin) out += "\"\"";
    out += '\n';
    first = true;
  };
  const T empty{};
  visit_fields(empty, [&](const std::string& name, const auto&) {
    next();
    append_csv_text(out, name);
  });
  end(0);
  for (auto&& row : rows) {
    const std::size_t begin = out.size();
    visit_fields(static_cast<const T&>(row), [&]<class Field>(const std::string&, const Field& field) {
      next();
      if constexpr (std::same_as<Field, std::string> || std::same_as<Field, std::optional<std::string>>) {
        cell.clear();
        append_cell(cell, field);
        append_csv_text(out, cell);
      } else {
        append_cell(out, field);
      }
    });
    end(begin);
  }
  return out;
}

/// In quotes. Throws Error where it is no UTF-8.
void append_json_text(std::string& out, std::string_view text);

template <class T>
void append_json(std::string& out, const T& value);

/// Visits the members of a record; nested records and vectors come whole.
struct JsonMembers {
  template <class Field>
  static constexpr bool takes = true;

  std::string& out;
  bool first = true;

  template <class Field>
  void operator()(const std::string& name, const Field& field) {
    if (!first) out += ',';
    first = false;
    append_json_text(out, name);
    out += ':';
    append_json(out, field);
  }
};

/// Numbers that JSON does not know (NaN, infinities) and optionals without a value are null.
template <class T>
void append_json(std::string& out, const T& value) {
  if constexpr (is_optional<T>) {
    if (value) {
      append_json(out, *value);
    } else {
      out += "null";
    }
  } else if constexpr (std::same_as<T, std::string>) {
    append_json_text(out, value);
  } else if constexpr (std::floating_point<T>) {
    if (std::isfinite(value)) {
      append_number(out, value);
    } else {
      out += "null";
    }
  } else if constexpr (is_time_point<T>) {
    out += '"';
    append_cell(out, value);
    out += '"';
  } else if constexpr (is_cell<T>) {
    append_cell(out, value);
  } else if constexpr (is_vector<T>) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      append_json(out, static_cast<const typename T::value_type&>(value[i]));
    }
    out += ']';
  } else {
    out += '{';
    visit_fields(value, JsonMembers{out});
    out += '}';
  }
}

/// A line for each row, as read_json takes them.
template <class T>
std::string json_text(const std::vector<T>& rows) {
  std::string out;
  for (auto&& row : rows) {
    // A file that begins with a bracket would be one array.
    if constexpr (is_vector<T>) out += "{\"value\":";
    append_json(out, static_cast<const T&>(row));
    if constexpr (is_vector<T>) out += '}';
    out += '\n';
  }
  return out;
}

}  // namespace crema::detail
