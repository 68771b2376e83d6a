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
  // The only column of a table.
  if (H5Iget_type(dataset_.get()) == H5I_GROUP && H5Lexists(dataset_.get(), "value", H5P_DEFAULT) > 0)
    dataset_ = open_object(file_.get(), path_, name_ + "/value");
  if (H5Iget_type(dataset_.get()) != H5I_DATASET) fail_reading(path_, name_, "a dataset of numbers", "something else");
  const Handle stored{H5Dget_type(dataset_.get()), H5Tclose, "reading the type of", name_};
  std::vector<std::uint64_t> array_shape;
  const Handle type = innermost(stored.get(), array_shape);
  if (!fits(type.get(), type_))
    fail_reading(path_, name_, fmt::format("values that all fit {}", name_of(type_)), describe_type(type.get()));

  extent_ = extent_of(dataset_.get(), name_);
  shape_.assign(extent_.begin(), extent_.end());
  if (!extent_.empty()) shape_.insert(shape_.end(), array_shape.begin(), array_shape.end());
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
  memory_type_ = like_arrays(stored.get(), type_in_memory(type.get(), type_).get());
  chunk_rows_ = chunk_rows_of(dataset_.get(), extent_.size(), name_);
}

ByteBuffer ArrayReader::read(std::uint64_t first, std::uint64_t count) const {
  return reading(path_, name_, [&] {
    const std::uint64_t values = std::accumulate(shape_.begin() + 1, shape_.end(), count, std::multiplies<>{});
    ByteBuffer numbers;
    void* to = numbers.extend(static_cast<std::size_t>(values) * width_of(type_));
    if (values > 0) read_rows(dataset_.get(), extent_, first, count, memory_type_.get(), to, name_);
    return numbers;
  });
}

}  // namespace crema::record
