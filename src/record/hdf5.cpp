#include "record/hdf5.hpp"

#include "crema/errors.hpp"

namespace crema::record {
namespace {

/// Keeps the innermost entry of HDF5's error stack: the one that names the cause.
herr_t keep_first(unsigned number, const H5E_error2_t* entry, void* reason) {
  if (number == 0 && entry->desc != nullptr) *static_cast<std::string*>(reason) = entry->desc;
  return 0;
}

void write_attribute(hid_t object, const std::string& name, hid_t type, const void* value) {
  const Handle space = create_space({});
  const Handle attribute{H5Acreate2(object, name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                         "creating the attribute", name};
  check(H5Awrite(attribute.get(), type, value), "writing the attribute", name);
}

}  // namespace

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

void throw_hdf5_error(std::string_view action, std::string_view subject) {
  std::string reason = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  H5Eclear2(H5E_DEFAULT);  // what is left in it at the process's end makes HDF5 1.10 complain
  throw Error{std::string{action} + " " + std::string{subject} + ": " + reason};
}

void Handle::close(std::string_view action, std::string_view subject) {
  check(close_(std::exchange(id_, H5I_INVALID_HID)), action, subject);
}

Handle text_type() {
  Handle type{H5Tcopy(H5T_C_S1), H5Tclose, "making the type", "text"};
  check(H5Tset_size(type.get(), H5T_VARIABLE), "making the type", "text");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "making the type", "text");
  return type;
}

hid_t number_type(ColumnType type) {
  switch (type) {
    case ColumnType::int8:
      return H5T_NATIVE_INT8;
    case ColumnType::int16:
      return H5T_NATIVE_INT16;
    case ColumnType::int32:
      return H5T_NATIVE_INT32;
    case ColumnType::int64:
    case ColumnType::time:
    case ColumnType::duration:
      return H5T_NATIVE_INT64;
    case ColumnType::uint8:
      return H5T_NATIVE_UINT8;
    case ColumnType::uint16:
      return H5T_NATIVE_UINT16;
    case ColumnType::uint32:
      return H5T_NATIVE_UINT32;
    case ColumnType::uint64:
      return H5T_NATIVE_UINT64;
    case ColumnType::float32:
      return H5T_NATIVE_FLOAT;
    case ColumnType::float64:
      return H5T_NATIVE_DOUBLE;
    case ColumnType::boolean:
    case ColumnType::text:
      break;
  }
  throw Error{std::string{"making a column of numbers: "} + name_of(type) + " is no number type"};
}

Handle utf8_names() {
  Handle properties{H5Pcreate(H5P_LINK_CREATE), H5Pclose, "making", "link properties"};
  check(H5Pset_char_encoding(properties.get(), H5T_CSET_UTF8), "making", "link properties");
  return properties;
}

Handle create_group(hid_t parent, const std::string& name) {
  const Handle properties{H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "making", "group properties"};
  check(H5Pset_link_creation_order(properties.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), "making",
        "group properties");
  return Handle{H5Gcreate2(parent, name.c_str(), utf8_names().get(), properties.get(), H5P_DEFAULT), H5Gclose,
                "creating the group", name};
}

Handle create_space(const std::vector<hsize_t>& shape) {
  return shape.empty() ? Handle{H5Screate(H5S_SCALAR), H5Sclose, "making", "a scalar space"}
                       : Handle{H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                                "making", "a space"};
}

void write_attribute(hid_t object, const std::string& name, const std::string& text) {
  const char* pointer = text.c_str();
  write_attribute(object, name, text_type().get(), &pointer);
}

void write_attribute(hid_t object, const std::string& name, std::int64_t value) {
  write_attribute(object, name, H5T_NATIVE_INT64, &value);
}

void write_attribute(hid_t object, const std::string& name, double value) {
  write_attribute(object, name, H5T_NATIVE_DOUBLE, &value);
}

}  // namespace crema::record
