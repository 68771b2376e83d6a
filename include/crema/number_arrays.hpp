#pragma once

// Vectors and arrays of numbers, nested at will, as rows and fields that lie in several dimensions.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace crema::detail {

template <class T>
inline constexpr bool is_number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, long double>;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t size>
inline constexpr bool is_std_array<std::array<T, size>> = true;

/// Whether it is a std::array of numbers or of such arrays, which lie side by side in it.
template <class T>
inline constexpr bool is_number_array = false;
template <class T, std::size_t size>
inline constexpr bool is_number_array<std::array<T, size>> = size > 0 && (is_number<T> || is_number_array<T>);

/// How T lies in several dimensions: a number, or std::vector and std::array of such, nested.
template <class T>
struct NumberArray {
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
    for (Element& element : row) from = NumberArray<Element>::take(element, from, shape.subspan(1));
    return from;
  }
}

template <class T>
struct NumberArray<std::vector<T>> {
  static constexpr bool is_array = true;
  using Number = typename NumberArray<T>::Number;
  static void add_shape(std::vector<std::uint64_t>& shape) {
    shape.push_back(0);
    NumberArray<T>::add_shape(shape);
  }
  static const std::byte* take(std::vector<T>& row, const std::byte* from, std::span<const std::uint64_t> shape) {
    row.resize(static_cast<std::size_t>(shape.front()));
    return take_elements(row, from, shape);
  }
};

template <class T, std::size_t size>
struct NumberArray<std::array<T, size>> {
  static_assert(size > 0, "crema: a std::array of numbers has one element or more");
  static constexpr bool is_array = true;
  using Number = typename NumberArray<T>::Number;
  static void add_shape(std::vector<std::uint64_t>& shape) {
    shape.push_back(size);
    NumberArray<T>::add_shape(shape);
  }
  static const std::byte* take(std::array<T, size>& row, const std::byte* from, std::span<const std::uint64_t> shape) {
    return take_elements(row, from, shape);
  }
};

}  // namespace crema::detail
