#pragma once

// Rows of HDF5 datasets with several dimensions: vectors and arrays of numbers.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/columns.hpp"
#include "crema/table_rows.hpp"

namespace crema::hdf5 {

/// How T lies in a dataset: a number, or std::vector and std::array of such, nested.
template <class T>
struct ArrayRow {
  static constexpr bool is_array = false;
  using Number = T;
  /// The sizes of its dimensions, 0 where any will do.
  static void add_shape(std::vector<std::uint64_t>& /*shape*/) {}
  /// Takes its numbers, which begin at `from`, and returns where they end. `shape`: of its dimensions.
  static const std::byte* take(T& number, const std::byte* from, std::span<const std::uint64_t> /*shape*/) {
    std::memcpy(&number, from, sizeof number);
    return from + sizeof number;
  }
};

/// Of all elements of a container whose size is right.
template <class Container>
const std::byte* take_elements(Container& row, const std::byte* from, std::span<const std::uint64_t> shape) {
  using Element = typename Container::value_type;
  if constexpr (std::is_arithmetic_v<Element>) {
    const std::size_t size = row.size() * sizeof(Element);
    if (size > 0) std::memcpy(row.data(), from, size);
    return from + size;
  } else {
    for (Element& element : row) from = ArrayRow<Element>::take(element, from, shape.subspan(1));
    return from;
  }
}

template <class T>
struct ArrayRow<std::vector<T>> {
  static constexpr bool is_array = true;
  using Number = typename ArrayRow<T>::Number;
  static void add_shape(std::vector<std::uint64_t>& shape) {
    shape.push_back(0);
    ArrayRow<T>::add_shape(shape);
  }
  static const std::byte* take(std::vector<T>& row, const std::byte* from, std::span<const std::uint64_t> shape) {
    row.resize(static_cast<std::size_t>(shape.front()));
    return take_elements(row, from, shape);
  }
};

template <class T, std::size_t size>
struct ArrayRow<std::array<T, size>> {
  static_assert(size > 0, "crema: a row of read_hdf5 that is a std::array has one element or more");
  static constexpr bool is_array = true;
  using Number = typename ArrayRow<T>::Number;
  static void add_shape(std::vector<std::uint64_t>& shape) {
    shape.push_back(size);
    ArrayRow<T>::add_shape(shape);
  }
  static const std::byte* take(std::array<T, size>& row, const std::byte* from, std::span<const std::uint64_t> shape) {
    return take_elements(row, from, shape);
  }
};

/// What is read of a dataset with several dimensions.
struct ArraySpec {
  ColumnType type = ColumnType::float64;   ///< of its numbers
  std::vector<std::uint64_t> row_shape{};  ///< sizes of the dimensions behind the first, 0 where any will do
};

template <class T>
ArraySpec array_spec_of() {
  using Number = typename ArrayRow<T>::Number;
  constexpr bool holds_numbers =
      std::is_arithmetic_v<Number> && !std::same_as<Number, bool> && !std::same_as<Number, long double>;
  static_assert(
      holds_numbers,
      "crema: a row of read_hdf5 that is a std::vector or std::array holds integers, float or double, or again "
      "such vectors or arrays");
  ArraySpec spec;
  if constexpr (holds_numbers) spec.type = detail::column_type_of<Number>();
  ArrayRow<T>::add_shape(spec.row_shape);
  return spec;
}

/// Numbers of some rows, the last index running fastest.
struct ArrayRows {
  ByteBuffer numbers;
  std::vector<std::uint64_t> row_shape;
};

}  // namespace crema::hdf5
