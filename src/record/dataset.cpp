#include "record/dataset.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <utility>

namespace crema::record {
namespace {

std::vector<hsize_t> with_rows(hsize_t rows, const std::vector<hsize_t>& row_shape) {
  std::vector<hsize_t> shape{rows};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  return shape;
}

Handle create(hid_t parent, const std::string& name, hid_t type, hsize_t chunk_places,
              const std::vector<hsize_t>& row_shape) {
  const std::vector<hsize_t> none = with_rows(0, row_shape);
  const std::vector<hsize_t> most = with_rows(H5S_UNLIMITED, row_shape);
  const auto dimensions = static_cast<int>(none.size());
  const Handle space{H5Screate_simple(dimensions, none.data(), most.data()), H5Sclose, "making the space of", name};
  const Handle properties{H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "making the properties of", name};
  const hsize_t places = std::accumulate(row_shape.begin(), row_shape.end(), hsize_t{1}, std::multiplies<>{});
  // Whole chunks fill whole ones of rows that have fewer places.
  const hsize_t chunk_rows = std::bit_floor(std::max<hsize_t>(1, chunk_places / places));
  const std::vector<hsize_t> chunk = with_rows(chunk_rows, row_shape);
  check(H5Pset_chunk(properties.get(), dimensions, chunk.data()), "chunking", name);
  check(H5Pset_shuffle(properties.get()), "shuffling", name);
  check(H5Pset_deflate(properties.get(), 1), "compressing", name);
  return Handle{H5Dcreate2(parent, name.c_str(), type, space.get(), utf8_names().get(), properties.get(), H5P_DEFAULT),
                H5Dclose, "creating the dataset", name};
}

}  // namespace

GrowingDataset::GrowingDataset(hid_t parent, std::string name, Handle type, hsize_t chunk_places,
                               std::vector<hsize_t> row_shape)
    : name_{std::move(name)},
      type_{std::move(type)},
      row_shape_{std::move(row_shape)},
      dataset_{create(parent, name_, type_.get(), chunk_places, row_shape_)} {}

void GrowingDataset::append(const void* rows, hsize_t count) {
  if (count == 0) return;
  const hsize_t end = rows_ + count;
  check(H5Dset_extent(id(), with_rows(end, row_shape_).data()), "growing the dataset", name_);
  const Handle target{H5Dget_space(id()), H5Sclose, "getting the space of", name_};
  const std::vector<hsize_t> begin = with_rows(rows_, std::vector<hsize_t>(row_shape_.size()));
  const std::vector<hsize_t> size = with_rows(count, row_shape_);
  check(H5Sselect_hyperslab(target.get(), H5S_SELECT_SET, begin.data(), nullptr, size.data(), nullptr),
        "selecting rows of", name_);
  const Handle source = create_space(size);
  check(H5Dwrite(id(), type_.get(), source.get(), target.get(), H5P_DEFAULT, rows), "writing the dataset", name_);
  rows_ = end;
}

void GrowingDataset::close() { dataset_.close("closing the dataset", name_); }

}  // namespace crema::record
