#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/columns.hpp"
#include "record/hdf5.hpp"

namespace crema::record {

/// Reads rows of a dataset of numbers with several dimensions: a row is all that has the same first index. Those of
/// arrays that the dataset holds are the last ones. A group stands for the dataset "value" in it, the only column of a
/// table. Only values that fit the type asked for without loss are read. Every failure is a DataError that names the
/// file. It has HDF5 for its thread alone as long as it lives. Thread safety: none.
class ArrayReader {
 public:
  /// `row_shape`: sizes of the dimensions behind the first, 0 where any will do.
  ArrayReader(const std::string& path, const std::string& dataset, ColumnType type,
              const std::vector<std::uint64_t>& row_shape);
  ArrayReader(const ArrayReader&) = delete;
  ArrayReader& operator=(const ArrayReader&) = delete;
  ~ArrayReader() = default;

  [[nodiscard]] std::uint64_t rows() const noexcept { return shape_.front(); }
  [[nodiscard]] std::vector<std::uint64_t> row_shape() const { return {shape_.begin() + 1, shape_.end()}; }
  /// Bytes of a row in the file.
  [[nodiscard]] std::uint64_t row_bytes() const noexcept { return row_bytes_; }
  /// Rows that are stored, and perhaps compressed, together; 1 where there is no such thing.
  [[nodiscard]] std::uint64_t chunk_rows() const noexcept { return chunk_rows_; }

  /// The numbers of these rows, of the type asked for, the last index running fastest. Reads no others, except those
  /// stored in the same chunks. Requires that these rows are there.
  [[nodiscard]] ByteBuffer read(std::uint64_t first, std::uint64_t count) const;

 private:
  void open(const std::vector<std::uint64_t>& row_shape);

  std::unique_lock<std::mutex> library_;  // first: HDF5 is used until the last member is gone

  std::string path_;
  std::string name_;
  ColumnType type_;
  Handle file_;
  Handle dataset_;
  Handle memory_type_;
  std::vector<hsize_t> extent_;       // of the dataset
  std::vector<std::uint64_t> shape_;  // the same, and behind it of arrays in the dataset
  std::uint64_t row_bytes_ = 0;
  std::uint64_t chunk_rows_ = 1;
};

}  // namespace crema::record
