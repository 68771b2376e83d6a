#pragma once

// Rows of HDF5 datasets with several dimensions.

#include <cstdint>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/columns.hpp"
#include "crema/number_arrays.hpp"
#include "crema/table_rows.hpp"

namespace crema::hdf5 {

/// What is read of a dataset with several dimensions.
struct ArraySpec {
  ColumnType type = ColumnType::float64;   ///< of its numbers
  std::vector<std::uint64_t> row_shape{};  ///< sizes of the dimensions behind the first, 0 where any will do
};

template <class T>
ArraySpec array_spec_of() {
  using Number = typename detail::NumberArray<T>::Number;
  static_assert(
      detail::is_number<Number>,
      "crema: a row of read_hdf5 that is a std::vector or std::array holds integers, float or double, or again "
      "such vectors or arrays");
  ArraySpec spec;
  if constexpr (detail::is_number<Number>) spec.type = detail::column_type_of<Number>();
  detail::NumberArray<T>::add_shape(spec.row_shape);
  return spec;
}

/// Numbers of some rows, the last index running fastest.
struct ArrayRows {
  ByteBuffer numbers;
  std::vector<std::uint64_t> row_shape;
};

}  // namespace crema::hdf5
