#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "crema/columns.hpp"
#include "record/hdf5.hpp"

namespace crema::record {

/// Reads columns of a table in an HDF5 file: of a one-dimensional dataset of compounds, of a group of one-dimensional
/// datasets (as Results::table makes them), or of a one-dimensional dataset of numbers or text, which is the column
/// "value". Cells that are arrays are arrays there, or lie in further dimensions. Only values that fit their column
/// without loss are read; times are int64 whose units are those of run files. Every failure is a DataError that names
/// the file. It has HDF5 for its thread alone as long as it lives. Thread safety: none.
class TableReader {
 public:
  TableReader(const std::string& path, const std::string& table, const std::vector<ColumnSpec>& columns);
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;
  ~TableReader() = default;

  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  /// Bytes of a row in the file; a text of any length counts as a pointer.
  [[nodiscard]] std::uint64_t row_bytes() const noexcept { return row_bytes_; }
  /// Rows that are stored, and perhaps compressed, together; 1 where there is no such thing.
  [[nodiscard]] std::uint64_t chunk_rows() const noexcept { return chunk_rows_; }

  /// Requires that these rows are there.
  [[nodiscard]] ColumnBatch read(std::uint64_t first, std::uint64_t count) const;

 private:
  struct Source {
    Handle own;  // of the dataset, in a group
    hid_t dataset = -1;
    std::vector<hsize_t> extent{};  // of the dataset
    Handle type;                    // in memory
    bool variable = false;          // text of any length
  };

  void open(const std::vector<ColumnSpec>& columns);
  [[nodiscard]] Source find(const ColumnSpec& column);
  void check_shape(const ColumnSpec& column, const std::vector<hsize_t>& extent,
                   const std::vector<std::uint64_t>& array_shape) const;
  void check_units(hid_t dataset, const std::string& column, ColumnType type) const;
  std::vector<hsize_t> measure(hid_t dataset, const std::string& column);
  void read(const Source& source, std::uint64_t first, std::uint64_t count, void* to) const;
  void read_texts(const Source& source, std::uint64_t first, std::uint64_t count,
                  std::vector<std::string>& texts) const;
  [[noreturn]] void fail(const std::string& column, std::string expected, std::string found) const;
  template <class Work>
  auto told(Work work) const;

  std::unique_lock<std::mutex> library_;  // first: HDF5 is used until the last member is gone

  std::string path_;
  std::string table_;
  std::vector<ColumnSpec> columns_;
  Handle file_;
  Handle object_;
  std::vector<hsize_t> extent_;  // of the object, where it is a dataset
  bool group_ = false;
  bool compound_ = false;
  bool measured_ = false;
  std::uint64_t rows_ = 0;
  std::uint64_t row_bytes_ = 0;
  std::uint64_t chunk_rows_ = 1;
  std::vector<Source> cells_;
  std::vector<std::vector<Source>> valid_;  // for each column none or one
};

}  // namespace crema::record
