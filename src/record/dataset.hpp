#pragma once

#include <string>

#include "record/hdf5.hpp"

namespace crema::record {

/// A one-dimensional dataset that grows at its end: chunked, compressed with shuffle and deflate level 1. Appending
/// whole chunks is fastest; a part of a chunk waits in HDF5's chunk cache (1 MiB for each open dataset).
/// I/O thread only. Every function throws Error where HDF5 fails.
class GrowingDataset {
 public:
  /// `type` is the type of a row, in memory and in the file.
  GrowingDataset(hid_t parent, std::string name, Handle type, hsize_t chunk_rows);

  void append(const void* rows, hsize_t count);
  /// Writes what the cache holds.
  void close();

  [[nodiscard]] hid_t id() const noexcept { return dataset_.get(); }
  [[nodiscard]] hsize_t rows() const noexcept { return rows_; }

 private:
  std::string name_;
  Handle type_;
  Handle dataset_;
  hsize_t rows_ = 0;
};

}  // namespace crema::record
