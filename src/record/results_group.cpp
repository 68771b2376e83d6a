#include "record/results_group.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <limits>

#include "record/result_types.hpp"

namespace crema::record {
namespace {

// Arrays are not compressed: blocks may come in any order and cross chunks, and a chunk is then written in part without
// being read, unpacked and packed again.
constexpr hsize_t array_chunk_bytes = 1U << 20U;

/// Whole slices of the last dimensions, up to about array_chunk_bytes.
std::vector<hsize_t> chunk_shape(const std::vector<hsize_t>& shape, hsize_t element_size) {
  std::vector<hsize_t> chunk = shape;
  hsize_t left = std::max<hsize_t>(1, array_chunk_bytes / element_size);
  for (std::size_t i = shape.size(); i-- > 0;) {
    chunk[i] = std::clamp<hsize_t>(left, 1, shape[i]);
    left /= chunk[i];
  }
  return chunk;
}

Handle array_properties(const std::string& name, ColumnType type, const std::vector<hsize_t>& shape) {
  Handle properties{H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "making the properties of", name};
  // HDF5 has no chunks of size zero.
  if (std::ranges::find(shape, hsize_t{0}) == shape.end()) {
    const std::vector<hsize_t> chunk = chunk_shape(shape, width_of(type));
    check(H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()), "chunking", name);
  }
  if (type == ColumnType::float32 || type == ColumnType::float64) {
    constexpr double missing = std::numeric_limits<double>::quiet_NaN();
    check(H5Pset_fill_value(properties.get(), H5T_NATIVE_DOUBLE, &missing), "setting the fill value of", name);
  }
  return properties;
}

Handle create_dataset(hid_t group, const std::string& name, hid_t type, const std::vector<hsize_t>& shape,
                      hid_t properties = H5P_DEFAULT) {
  return Handle{
      H5Dcreate2(group, name.c_str(), type, create_space(shape).get(), utf8_names().get(), properties, H5P_DEFAULT),
      H5Dclose, "creating the dataset", name};
}

/// A small dataset written at once.
Handle store_cells(hid_t group, const std::string& name, ColumnType type, const std::vector<hsize_t>& shape,
                   const void* cells) {
  const Handle type_handle = cell_type(group, type);
  Handle dataset = create_dataset(group, name, type_handle.get(), shape);
  check(H5Dwrite(dataset.get(), type_handle.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, cells), "writing", name);
  // A vector is its own dimension, as netCDF has it: readers of the whole group want every dimension named.
  if (!shape.empty()) check(H5DSset_scale(dataset.get(), name.c_str()), "naming the dimension of", name);
  return dataset;
}

Handle create_dimension(hid_t group, const std::string& name, hsize_t size, const ArrayOptions& options) {
  const auto coordinates = options.coordinates.find(name);
  if (coordinates == options.coordinates.end()) return create_bare_dimension(group, name, size, false);
  return store_cells(group, name, ColumnType::float64, {size}, coordinates->second.data());
}

}  // namespace

ResultsGroup::ResultsGroup(hid_t file) : group_{create_group(file, "results")} {}

void ResultsGroup::store_value(const std::string& name, const ColumnBatch& values, bool scalar,
                               const ValueOptions& options) {
  const ColumnBatch::Column& column = values.columns.front();
  const std::vector<hsize_t> shape = scalar ? std::vector<hsize_t>{} : std::vector<hsize_t>{values.rows};
  with_cells(column, [&](const void* cells) {
    Handle dataset = store_cells(group_.get(), name, column.spec.type, shape, cells);
    describe(dataset.get(), column.spec.type, options.units, options.description);
    dataset.close("closing", name);
  });
  if (has_valid_column(column.spec)) {
    Handle valid = store_cells(group_.get(), valid_name(name), ColumnType::boolean, shape, column.valid.data());
    describe(valid.get(), ColumnType::boolean, "", "");
    valid.close("closing", valid_name(name));
  }
}

void ResultsGroup::open_table(const std::string& name, const std::vector<ColumnSpec>& columns,
                              const TableOptions& options) {
  open_tables_.try_emplace(name, group_.get(), name, columns, options);
}

void ResultsGroup::append(const std::string& table, const ColumnBatch& batch) { open_tables_.at(table).append(batch); }

void ResultsGroup::close_table(const std::string& table) {
  open_tables_.at(table).close();
  open_tables_.erase(table);
}

void ResultsGroup::create_array(const std::string& name, ColumnType type, const std::vector<hsize_t>& shape,
                                const ArrayOptions& options) {
  const Handle group = create_group(group_.get(), name);
  std::vector<Handle> dimensions;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    dimensions.push_back(create_dimension(group.get(), options.dimensions[i], shape[i], options));
  }
  Handle values = create_dataset(group.get(), "values", cell_type(group.get(), type).get(), shape,
                                 array_properties(name, type, shape).get());
  describe(values.get(), type, options.units, options.description);
  write_attribute(values.get(), "long_name", name);
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    check(H5DSattach_scale(values.get(), dimensions[i].get(), static_cast<unsigned>(i)), "giving a dimension to", name);
    dimensions[i].close("closing a dimension of", name);
  }
  values.close("closing the array", name);
}

void ResultsGroup::write_array(const std::string& name, ColumnType type, const std::vector<hsize_t>& offset,
                               const std::vector<hsize_t>& block_shape, const void* block) {
  if (std::ranges::find(block_shape, hsize_t{0}) != block_shape.end()) return;
  Handle values{H5Dopen2(group_.get(), (name + "/values").c_str(), H5P_DEFAULT), H5Dclose, "opening the array", name};
  const Handle target{H5Dget_space(values.get()), H5Sclose, "getting the space of", name};
  check(H5Sselect_hyperslab(target.get(), H5S_SELECT_SET, offset.data(), nullptr, block_shape.data(), nullptr),
        "selecting a block of", name);
  const Handle source = create_space(block_shape);
  check(H5Dwrite(values.get(), cell_type(group_.get(), type).get(), source.get(), target.get(), H5P_DEFAULT, block),
        "writing a block of", name);
  values.close("closing the array", name);
}

void ResultsGroup::close() {
  for (auto& [name, table] : open_tables_) table.close();
  open_tables_.clear();
  group_.close("closing", "/results");
}

}  // namespace crema::record
