#pragma once

// Rows as text for people.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "crema/schema.hpp"
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

template <class T>
std::string table_of(const std::vector<T>& rows) {
  std::vector<std::string> names;
  T empty{};
  visit_fields(empty, [&](const std::string& name, const auto&) { names.push_back(name); });
  std::vector<std::vector<ShownCell>> cells;
  for (const T& row : rows) {
    auto& line = cells.emplace_back();
    visit_fields(row, [&](const std::string&, const auto& field) { line.push_back(shown(field)); });
  }
  return table_text(std::move(names), std::move(cells));
}

}  // namespace crema::dataset
