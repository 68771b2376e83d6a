#include "record/dataset.hpp"

#include <utility>

namespace crema::record {
namespace {

Handle create(hid_t parent, const std::string& name, hid_t type, hsize_t chunk_rows) {
  constexpr hsize_t none = 0;
  constexpr hsize_t unlimited = H5S_UNLIMITED;
  const Handle space{H5Screate_simple(1, &none, &unlimited), H5Sclose, "making the space of", name};
  const Handle properties{H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "making the properties of", name};
  check(H5Pset_chunk(properties.get(), 1, &chunk_rows), "chunking", name);
  check(H5Pset_shuffle(properties.get()), "shuffling", name);
  check(H5Pset_deflate(properties.get(), 1), "compressing", name);
  return Handle{H5Dcreate2(parent, name.c_str(), type, space.get(), utf8_names().get(), properties.get(), H5P_DEFAULT),
                H5Dclose, "creating the dataset", name};
}

}  // namespace

GrowingDataset::GrowingDataset(hid_t parent, std::string name, Handle type, hsize_t chunk_rows)
    : name_{std::move(name)}, type_{std::move(type)}, dataset_{create(parent, name_, type_.get(), chunk_rows)} {}

void GrowingDataset::append(const void* rows, hsize_t count) {
  if (count == 0) return;
  const hsize_t end = rows_ + count;
  check(H5Dset_extent(id(), &end), "growing the dataset", name_);
  const Handle target{H5Dget_space(id()), H5Sclose, "getting the space of", name_};
  check(H5Sselect_hyperslab(target.get(), H5S_SELECT_SET, &rows_, nullptr, &count, nullptr), "selecting rows of",
        name_);
  const Handle source = create_space({count});
  check(H5Dwrite(id(), type_.get(), source.get(), target.get(), H5P_DEFAULT, rows), "writing the dataset", name_);
  rows_ = end;
}

void GrowingDataset::close() { dataset_.close("closing the dataset", name_); }

}  // namespace crema::record
