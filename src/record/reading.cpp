#include "record/reading.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

namespace crema::record {
namespace {

bool is_float(ColumnType type) { return type == ColumnType::float32 || type == ColumnType::float64; }
bool is_signed(ColumnType type) {
  return type == ColumnType::int8 || type == ColumnType::int16 || type == ColumnType::int32 ||
         type == ColumnType::int64;
}

std::vector<hsize_t> sizes_of(hid_t array) {
  std::vector<hsize_t> sizes(static_cast<std::size_t>(
      check(H5Tget_array_ndims(array), "reading the shape of", "an array inside of a dataset")));
  check(H5Tget_array_dims2(array, sizes.data()), "reading the shape of", "an array inside of a dataset");
  return sizes;
}

Handle element_of(hid_t array) {
  return Handle{H5Tget_super(array), H5Tclose, "reading the type of", "an array inside of a dataset"};
}

}  // namespace

std::string describe_type(hid_t type) {
  const std::size_t bits = 8 * H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return fmt::format("{}{}", H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int", bits);
    case H5T_FLOAT:
      return fmt::format("float{}", bits);
    case H5T_STRING:
      return "text";
    case H5T_ENUM:
      return fmt::format("an enum of {} bits", bits);
    case H5T_COMPOUND:
      return "a compound";
    case H5T_ARRAY: {
      std::vector<std::uint64_t> shape;
      const Handle element = innermost(type, shape);
      return fmt::format("an array of {} of {}", fmt::join(shape, " x "), describe_type(element.get()));
    }
    default:
      return "another kind of data";
  }
}

std::string describe_shape(const std::vector<std::uint64_t>& row_shape) {
  std::string text = "rows";
  for (const std::uint64_t size : row_shape) text += size == 0 ? " x any" : fmt::format(" x {}", size);
  return text;
}

Handle innermost(hid_t type, std::vector<std::uint64_t>& shape) {
  if (H5Tget_class(type) != H5T_ARRAY) return Handle{H5Tcopy(type), H5Tclose, "reading the type of", "a dataset"};
  for (const hsize_t size : sizes_of(type)) shape.push_back(size);
  return innermost(element_of(type).get(), shape);
}

Handle like_arrays(hid_t arrays, hid_t innermost) {
  if (H5Tget_class(arrays) != H5T_ARRAY) return Handle{H5Tcopy(innermost), H5Tclose, "making the type of", "a dataset"};
  const std::vector<hsize_t> sizes = sizes_of(arrays);
  const Handle element = like_arrays(element_of(arrays).get(), innermost);
  return Handle{H5Tarray_create2(element.get(), static_cast<unsigned>(sizes.size()), sizes.data()), H5Tclose,
                "making the type of", "an array inside of a dataset"};
}

bool fits(hid_t stored, ColumnType type) {
  const std::size_t size = H5Tget_size(stored);
  const H5T_class_t kind = H5Tget_class(stored);
  if (type == ColumnType::text) return kind == H5T_STRING;
  if (type == ColumnType::time || type == ColumnType::duration) {
    return kind == H5T_INTEGER && H5Tget_sign(stored) != H5T_SGN_NONE && size == sizeof(std::int64_t);
  }
  if (type == ColumnType::boolean) return (kind == H5T_ENUM || kind == H5T_INTEGER) && size == 1;
  const std::size_t width = width_of(type);
  if (kind == H5T_FLOAT) return is_float(type) && size <= width;
  if (kind == H5T_ENUM) return !is_float(type) && size == width;
  if (kind != H5T_INTEGER) return false;
  const bool natural = H5Tget_sign(stored) == H5T_SGN_NONE;
  if (is_float(type)) return size < width;
  if (is_signed(type)) return natural ? size < width : size <= width;
  return natural && size <= width;
}

Handle type_in_memory(hid_t stored, ColumnType type) {
  const bool as_stored = type == ColumnType::text || H5Tget_class(stored) == H5T_ENUM;
  return Handle{as_stored ? H5Tget_native_type(stored, H5T_DIR_ASCEND)
                          : H5Tcopy(number_type(type == ColumnType::boolean ? ColumnType::int8 : type)),
                H5Tclose, "making the type of", name_of(type)};
}

std::vector<hsize_t> extent_of(hid_t dataset, const std::string& name) {
  const Handle space{H5Dget_space(dataset), H5Sclose, "reading the shape of", name};
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space.get()))));
  check(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr), "reading the shape of", name);
  return extent;
}

std::uint64_t chunk_rows_of(hid_t dataset, std::size_t dimensions, const std::string& name) {
  const Handle layout{H5Dget_create_plist(dataset), H5Pclose, "reading the layout of", name};
  if (H5Pget_layout(layout.get()) != H5D_CHUNKED) return 1;
  std::vector<hsize_t> chunk(dimensions);
  check(H5Pget_chunk(layout.get(), static_cast<int>(dimensions), chunk.data()), "reading the layout of", name);
  return chunk.front();
}

void read_rows(hid_t dataset, std::vector<hsize_t> extent, std::uint64_t first, std::uint64_t count, hid_t type,
               void* to, const std::string& name) {
  std::vector<hsize_t> begin(extent.size());
  begin.front() = first;
  extent.front() = count;
  const Handle stored{H5Dget_space(dataset), H5Sclose, "reading the shape of", name};
  check(H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, begin.data(), nullptr, extent.data(), nullptr),
        "choosing rows of", name);
  check(H5Dread(dataset, type, create_space(extent).get(), stored.get(), H5P_DEFAULT, to), "reading", name);
}

std::string text_attribute(hid_t object, const std::string& name) {
  if (check(H5Aexists(object, name.c_str()), "looking for the attribute", name) == 0) return {};
  const Handle attribute{H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "opening the attribute", name};
  const Handle type{H5Aget_type(attribute.get()), H5Tclose, "reading the type of", name};
  const Handle space{H5Aget_space(attribute.get()), H5Sclose, "reading the shape of", name};
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) return {};
  if (check(H5Tis_variable_str(type.get()), "reading the type of", name) > 0) {
    char* pointer = nullptr;
    check(H5Aread(attribute.get(), type.get(), static_cast<void*>(&pointer)), "reading the attribute", name);
    std::string text = pointer != nullptr ? pointer : "";
    H5free_memory(pointer);
    return text;
  }
  std::string text(H5Tget_size(type.get()), '\0');
  check(H5Aread(attribute.get(), type.get(), text.data()), "reading the attribute", name);
  text.resize(::strnlen(text.data(), text.size()));
  return text;
}

void fail_reading(const std::string& path, const std::string& column, std::string expected, std::string found) {
  throw DataError{
      {.file = path, .line = 0, .column = column, .expected = std::move(expected), .found = std::move(found)}};
}

Handle open_to_read(const std::string& path) {
  return reading(path, {}, [&path] {
    return Handle{H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening", path};
  });
}

Handle open_object(hid_t file, const std::string& path, const std::string& name) {
  const hid_t object = name.empty() ? H5I_INVALID_HID : H5Oopen(file, name.c_str(), H5P_DEFAULT);
  if (object < 0) {
    H5Eclear2(H5E_DEFAULT);
    fail_reading(path, {}, "a dataset or a group named \"" + name + "\"", "none");
  }
  return Handle{object, H5Oclose, "opening", name};
}

}  // namespace crema::record
