#include "record/result_types.hpp"

#include <hdf5_hl.h>

#include <cstdint>

namespace crema::record {

void commit_bool_type(hid_t file) {
  const Handle type{H5Tenum_create(H5T_NATIVE_INT8), H5Tclose, "making the type", "bool"};
  std::int8_t value = 0;
  check(H5Tenum_insert(type.get(), "FALSE", &value), "making the type", "bool");
  value = 1;
  check(H5Tenum_insert(type.get(), "TRUE", &value), "making the type", "bool");
  check(H5Tcommit2(file, "bool", type.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "storing the type", "/bool");
}

Handle cell_type(hid_t object, ColumnType type) {
  switch (type) {
    case ColumnType::text:
      return text_type();
    case ColumnType::boolean:
      return Handle{H5Topen2(object, "/bool", H5P_DEFAULT), H5Tclose, "opening the type", "/bool"};
    default:
      return Handle{H5Tcopy(number_type(type)), H5Tclose, "making the type", name_of(type)};
  }
}

bool has_valid_column(const ColumnSpec& column) {
  return column.optional && column.type != ColumnType::float32 && column.type != ColumnType::float64;
}

std::string valid_name(const std::string& name) { return name + "_valid"; }

std::string units_of(ColumnType type) {
  if (type == ColumnType::time) return "nanoseconds since 1970-01-01";
  return type == ColumnType::duration ? "nanoseconds" : "";
}

void describe(hid_t dataset, ColumnType type, const std::string& units, const std::string& description) {
  if (const std::string times = units_of(type); !times.empty()) write_attribute(dataset, "units", times);
  // xarray's own mark for bools: through the netCDF library they arrive as small integers.
  if (type == ColumnType::boolean) write_attribute(dataset, "dtype", "bool");
  if (!units.empty()) write_attribute(dataset, "units", units);
  if (!description.empty()) write_attribute(dataset, "description", description);
}

Handle create_bare_dimension(hid_t group, const std::string& name, hsize_t size, bool grows) {
  constexpr hsize_t unlimited = H5S_UNLIMITED;
  const Handle space{H5Screate_simple(1, &size, grows ? &unlimited : nullptr), H5Sclose, "making the dimension", name};
  const Handle properties{H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "making the dimension", name};
  if (grows) {
    constexpr hsize_t chunk = 1024;
    check(H5Pset_chunk(properties.get(), 1, &chunk), "making the dimension", name);
  }
  check(H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER), "making the dimension", name);
  Handle dimension{
      H5Dcreate2(group, name.c_str(), H5T_IEEE_F32BE, space.get(), utf8_names().get(), properties.get(), H5P_DEFAULT),
      H5Dclose, "creating the dimension", name};
  check(H5DSset_scale(dimension.get(), "This is a netCDF dimension but not a netCDF variable.         0"),
        "marking the dimension", name);
  return dimension;
}

}  // namespace crema::record
