#pragma once

// What can be wrong with a call of crema::Results, found before anything is queued. Every check throws UsageError.

#include <cstddef>
#include <string>
#include <vector>

#include "crema/columns.hpp"
#include "crema/result_options.hpp"

namespace crema::record {

/// A name must be a plain member name: not empty, no '/', neither "." nor "..".
void check_name(const std::string& name, const std::string& owner);

/// Columns need distinct plain names, and units must name columns that have no units of their own.
void check_columns(const std::string& table, const std::vector<ColumnSpec>& columns, const TableOptions& options);

/// A value that is a time has units of its own.
void check_value_units(const std::string& name, ColumnType type, const ValueOptions& options);

/// HDF5's text ends at a NUL byte: text that holds one would be cut.
void check_texts(const std::string& owner, const ColumnBatch& batch);

/// Checks the shape, the dimensions' names and the coordinates; returns the options with every dimension named.
ArrayOptions checked_array_options(const std::string& array, const std::vector<std::size_t>& shape,
                                   ArrayOptions options);

/// The product of the shape, which must equal `values`.
void check_array_size(const std::string& array, std::size_t values, const std::vector<std::size_t>& shape);

/// Checks that the block fits the array and holds `values` elements; returns its shape, inferred where it is empty.
std::vector<std::size_t> checked_block_shape(const std::string& array, const std::vector<std::size_t>& array_shape,
                                             const std::vector<std::size_t>& offset,
                                             std::vector<std::size_t> block_shape, std::size_t values);

}  // namespace crema::record
