#pragma once

// Reads back what the run file holds, through HDF5's own interface and none of our wrapper.

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace crema {

class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::filesystem::path& path)
      : file_{expect(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), path)} {}
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;
  ~Hdf5Reader() { H5Fclose(file_); }

  [[nodiscard]] bool has(const std::string& path) const { return H5Lexists(file_, path.c_str(), H5P_DEFAULT) > 0; }

  [[nodiscard]] std::vector<hsize_t> shape(const std::string& dataset) const {
    const hid_t id = open(dataset);
    const hid_t space = H5Dget_space(id);
    std::vector<hsize_t> sizes(H5Sget_simple_extent_ndims(space));
    H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
    H5Sclose(space);
    H5Dclose(id);
    return sizes;
  }
  /// All numbers of a dataset, or of one member of its compounds.
  template <class T>
  [[nodiscard]] std::vector<T> numbers(const std::string& dataset, const std::string& member = "") const {
    std::vector<T> values(count(dataset));
    const hid_t type = member_type(native<T>(), sizeof(T), member);
    read(dataset, type, values.data());
    H5Tclose(type);
    return values;
  }
  /// All texts of a dataset, or of one member of its compounds.
  [[nodiscard]] std::vector<std::string> texts(const std::string& dataset, const std::string& member = "") const {
    std::vector<char*> pointers(count(dataset));
    const hid_t text = text_type();
    const hid_t type = member_type(text, sizeof(char*), member);
    read(dataset, type, pointers.data());
    std::vector<std::string> values;
    for (char* pointer : pointers) {
      values.emplace_back(pointer == nullptr ? "" : pointer);
      H5free_memory(pointer);
    }
    H5Tclose(type);
    H5Tclose(text);
    return values;
  }
  [[nodiscard]] std::string text_attribute(const std::string& object, const std::string& name) const {
    const hid_t attribute = open_attribute(object, name);
    const hid_t type = text_type();
    char* pointer = nullptr;
    expect(H5Aread(attribute, type, static_cast<void*>(&pointer)), name);
    std::string text = pointer;
    H5free_memory(pointer);
    H5Tclose(type);
    H5Aclose(attribute);
    return text;
  }
  template <class T>
  [[nodiscard]] T number_attribute(const std::string& object, const std::string& name) const {
    const hid_t attribute = open_attribute(object, name);
    T value{};
    expect(H5Aread(attribute, native<T>(), &value), name);
    H5Aclose(attribute);
    return value;
  }
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const {
    return H5Aexists_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
  }
  /// The name that an HDF5 enum, a member of the dataset's compounds, gives to a value.
  [[nodiscard]] std::string enum_name(const std::string& dataset, const std::string& member, std::uint8_t value) const {
    const hid_t id = open(dataset);
    const hid_t type = H5Dget_type(id);
    const hid_t field = H5Tget_member_type(type, H5Tget_member_index(type, member.c_str()));
    char name[64] = {};
    expect(H5Tenum_nameof(field, &value, name, sizeof name), member);
    H5Tclose(field);
    H5Tclose(type);
    H5Dclose(id);
    return name;
  }

 private:
  template <class Result>
  static Result expect(Result result, const std::string& what) {
    if (result < 0) throw std::runtime_error{"reading back " + what};
    return result;
  }
  template <class T>
  static hid_t native() {
    if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
    if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
    if constexpr (std::is_same_v<T, std::int8_t>) return H5T_NATIVE_INT8;
    if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
    if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
    if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
    if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  }
  static hid_t text_type() {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
  }
  static hid_t member_type(hid_t value, std::size_t size, const std::string& member) {
    if (member.empty()) return H5Tcopy(value);
    const hid_t type = H5Tcreate(H5T_COMPOUND, size);
    H5Tinsert(type, member.c_str(), 0, value);
    return type;
  }
  [[nodiscard]] hid_t open(const std::string& dataset) const {
    return expect(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), dataset);
  }
  [[nodiscard]] hid_t open_attribute(const std::string& object, const std::string& name) const {
    return expect(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), object + "@" + name);
  }
  [[nodiscard]] std::size_t count(const std::string& dataset) const {
    std::size_t total = 1;
    for (const hsize_t size : shape(dataset)) total *= size;
    return total;
  }
  void read(const std::string& dataset, hid_t type, void* target) const {
    const hid_t id = open(dataset);
    expect(H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, target), dataset);
    H5Dclose(id);
  }

  hid_t file_;
};

}  // namespace crema
