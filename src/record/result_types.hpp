#pragma once

// How cells of results lie in the file, for values, tables and arrays alike.

#include <string>

#include "crema/columns.hpp"
#include "record/hdf5.hpp"

namespace crema::record {

/// Commits the type of every bool as /bool: an enum of FALSE and TRUE, which h5py reads as bool. It needs a name in
/// the root group, else netCDF leaves columns of it out.
void commit_bool_type(hid_t file);

/// The type of a cell, in memory and in the file that `object` is in.
Handle cell_type(hid_t object, ColumnType type);

/// Whether a column needs `<name>_valid` beside it: a missing float is NaN, but no other type has a spare value.
bool has_valid_column(const ColumnSpec& column);
std::string valid_name(const std::string& name);

/// The units of times: nanoseconds; empty: of other types.
std::string units_of(ColumnType type);

/// Writes what readers need to know about a dataset's cells; empty texts are left out. Times have units of their own.
void describe(hid_t dataset, ColumnType type, const std::string& units, const std::string& description);

/// Calls write(pointer) with the column's cells, or those of `valid`, as HDF5 wants them in memory.
template <class Write>
void with_cells(const ColumnBatch::Column& column, Write&& write) {
  if (column.spec.type != ColumnType::text) return write(static_cast<const void*>(column.values.data()));
  std::vector<const char*> texts;
  texts.reserve(column.texts.size());
  for (const std::string& text : column.texts) texts.push_back(text.c_str());
  write(static_cast<const void*>(texts.data()));
}

/// Gives a group the dimension `name` of `size` without coordinates, as netCDF marks it; stores no data.
Handle create_bare_dimension(hid_t group, const std::string& name, hsize_t size, bool grows);

}  // namespace crema::record
