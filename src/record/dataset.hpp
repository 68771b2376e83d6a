#pragma once

#include <string>
#include <vector>

#include "record/hdf5.hpp"

namespace crema::record {

/// A dataset that grows at the end of its first dimension: chunked, compressed with shuffle and deflate level 1.
/// Appending whole chunks is fastest; a part of a chunk waits in HDF5's chunk cache (1 MiB for each open dataset).
/// I/O thread only. Every function throws Error where HDF5 fails.
class GrowingDataset {
 public:
  /// `type` is the type of what a row has in each place of `row_shape`, in memory and in the file; no dimensions: it
  /// has one place. A chunk has so many places at most, in a power of two rows, or one row.
  GrowingDataset(hid_t parent, std::string name, Handle type, hsize_t chunk_places,
                 std::vector<hsize_t> row_shape = {});

  void append(const void* rows, hsize_t count);
  /// Writes what the cache holds.
  void close();

  [[nodiscard]] hid_t id() const noexcept { return dataset_.get(); }
  [[nodiscard]] hsize_t rows() const noexcept { return rows_; }

 private:
  std::string name_;
  Handle type_;
  std::vector<hsize_t> row_shape_;
  Handle dataset_;
  hsize_t rows_ = 0;
};

}  // namespace crema::record
