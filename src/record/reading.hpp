#pragma once

// What the readers of HDF5 files share: which stored values fit a column, and failures as DataError.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "crema/columns.hpp"
#include "crema/errors.hpp"
#include "record/hdf5.hpp"

namespace crema::record {

/// "int64", "float32", "text", …, for errors.
std::string describe_type(hid_t type);

/// "rows x 3 x any", for errors; `row_shape`: of what a row is, 0 where any will do.
std::string describe_shape(const std::vector<std::uint64_t>& row_shape);

/// What arrays hold, in arrays again or not, and their sizes behind those in `shape`; of other types themselves.
Handle innermost(hid_t type, std::vector<std::uint64_t>& shape);
/// Arrays like those, which hold this; of another type this itself.
Handle like_arrays(hid_t arrays, hid_t innermost);

/// Whether every value of the file's type is one of the column's. HDF5 itself would take the nearest.
bool fits(hid_t stored, ColumnType type);

/// What memory holds of such values, which fit the column: its own type, but of texts and enums what the file has.
Handle type_in_memory(hid_t stored, ColumnType type);

/// The sizes of a dataset's dimensions; none: it is one value. `name`, also below: for errors.
std::vector<hsize_t> extent_of(hid_t dataset, const std::string& name);
/// How many indices of the first dimension are stored, and perhaps compressed, together; 1 where there is no such
/// thing. Requires a dimension.
std::uint64_t chunk_rows_of(hid_t dataset, std::size_t dimensions, const std::string& name);
/// Reads what has these indices of the first dimension, of those in `extent`, as values of this type.
void read_rows(hid_t dataset, std::vector<hsize_t> extent, std::uint64_t first, std::uint64_t count, hid_t type,
               void* to, const std::string& name);

/// An attribute that is one text; empty where there is none of that name, or it is something else.
std::string text_attribute(hid_t object, const std::string& name);

/// `column`: path of what is read in the file.
[[noreturn]] void fail_reading(const std::string& path, const std::string& column, std::string expected,
                               std::string found);

/// A file that is read. Throws DataError that names no column where it cannot be.
Handle open_to_read(const std::string& path);
/// A dataset or group in it. Throws DataError where there is none of this name.
Handle open_object(hid_t file, const std::string& path, const std::string& name);

/// What `work` returns. HDF5's own reason becomes a DataError.
template <class Work>
auto reading(const std::string& path, const std::string& column, Work work) {
  try {
    return work();
  } catch (const DataError&) {
    throw;
  } catch (const Error& error) {
    fail_reading(path, column, "an HDF5 file that can be read", error.what());
  }
}

}  // namespace crema::record
