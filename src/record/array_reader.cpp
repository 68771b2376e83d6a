#include "record/array_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>

#include "record/reading.hpp"

namespace crema::record {
ArrayReader::ArrayReader(const std::string& path, const std::string& dataset, ColumnType type,
                         const std::vector<std::uint64_t>& row_shape)
    : library_{library_mutex()}, path_{path}, name_{dataset}, type_{type} {
  // HDF5 prints every error by itself unless told not to.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  reading(path_, name_, [&] { open(row_shape); });
}

void ArrayReader::open(const std::vector<std::uint64_t>& row_shape) {
  file_ = open_to_read(path_);
  dataset_ = open_object(file_.get(), path_, name_);
  if (H5Iget_type(dataset_.get()) != H5I_DATASET) fail_reading(path_, name_, "a dataset of numbers", "something else");
  const Handle stored{H5Dget_type(dataset_.get()), H5Tclose, "reading the type of", name_};
  std::vector<std::uint64_t> array_shape;
  const Handle type = innermost(stored.get(), array_shape);
  if (H5Tget_class(type.get()) == H5T_ENUM || !fits(type.get(), type_))  // an enum is converted to no number
    fail_reading(path_, name_, fmt::format("values that all fit {}", name_of(type_)), describe_type(type.get()));

  const Handle space{H5Dget_space(dataset_.get()), H5Sclose, "reading the shape of", name_};
  std::vector<hsize_t> dimensions(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space.get()))));
  check(H5Sget_simple_extent_dims(space.get(), dimensions.data(), nullptr), "reading the shape of", name_);
  dimensions_ = dimensions.size();
  shape_.assign(dimensions.begin(), dimensions.end());
  if (dimensions_ > 0) shape_.insert(shape_.end(), array_shape.begin(), array_shape.end());
  bool agrees = shape_.size() == row_shape.size() + 1;
  for (std::size_t i = 0; agrees && i < row_shape.size(); ++i) {
    agrees = row_shape[i] == 0 || row_shape[i] == shape_[i + 1];
  }
  if (!agrees) {
    fail_reading(path_, name_, fmt::format("the shape {}", describe_shape(row_shape)),
                 shape_.empty() ? "one value" : fmt::format("{}", fmt::join(shape_, " x ")));
  }
  // Sizes are the file's word: all that is computed of them below and in read() fits.
  std::uint64_t bytes = std::max<std::uint64_t>(H5Tget_size(type.get()), width_of(type_));
  for (const hsize_t size : shape_) {
    if (__builtin_mul_overflow(bytes, std::max<hsize_t>(size, 1), &bytes) || bytes > PTRDIFF_MAX)
      fail_reading(path_, name_, "an array that memory could hold", fmt::format("{}", fmt::join(shape_, " x ")));
  }
  row_bytes_ =
      std::accumulate(shape_.begin() + 1, shape_.end(), std::uint64_t{H5Tget_size(type.get())}, std::multiplies<>{});
  memory_type_ = like_arrays(stored.get(), number_type(type_));
  const Handle layout{H5Dget_create_plist(dataset_.get()), H5Pclose, "reading the layout of", name_};
  if (H5Pget_layout(layout.get()) == H5D_CHUNKED) {
    std::vector<hsize_t> chunk(dimensions_);
    check(H5Pget_chunk(layout.get(), static_cast<int>(chunk.size()), chunk.data()), "reading the layout of", name_);
    chunk_rows_ = chunk.front();
  }
}

ByteBuffer ArrayReader::read(std::uint64_t first, std::uint64_t count) const {
  return reading(path_, name_, [&] {
    std::vector<hsize_t> begin(dimensions_, 0);
    std::vector<hsize_t> size(shape_.begin(), shape_.begin() + static_cast<std::ptrdiff_t>(dimensions_));
    begin.front() = first;
    size.front() = count;
    const std::uint64_t values = std::accumulate(shape_.begin() + 1, shape_.end(), count, std::multiplies<>{});
    ByteBuffer numbers;
    void* to = numbers.extend(static_cast<std::size_t>(values) * width_of(type_));
    if (values == 0) return numbers;
    const Handle stored{H5Dget_space(dataset_.get()), H5Sclose, "reading", name_};
    check(H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, begin.data(), nullptr, size.data(), nullptr),
          "choosing rows of", name_);
    const Handle memory = create_space(size);
    check(H5Dread(dataset_.get(), memory_type_.get(), memory.get(), stored.get(), H5P_DEFAULT, to), "reading", name_);
    return numbers;
  });
}

}  // namespace crema::record
