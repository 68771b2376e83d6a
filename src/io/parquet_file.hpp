#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crema/parquet.hpp"
#include "io/parquet_members.hpp"

// Declared here, so that headers do without Arrow's.
namespace parquet::arrow {
class FileReader;
}

namespace crema::io {

/// A Parquet file that is open for reading some of its columns. Every failure is a DataError that names file and
/// column. Thread safety: none. Starts no threads.
class ParquetFile {
 public:
  /// Reads the footer, and checks that all columns are there, in types that the cells can be read from, and that the
  /// file is as long as its footer says.
  ParquetFile(const std::string& path, const std::vector<parquet::Column>& columns);
  ParquetFile(const ParquetFile&) = delete;
  ParquetFile& operator=(const ParquetFile&) = delete;
  ~ParquetFile();

  /// Rows of each row group.
  [[nodiscard]] const std::vector<std::uint64_t>& rows() const noexcept { return rows_; }
  /// Fills the columns, which are those it was opened for, with rows of a row group for one call of `take` after the
  /// other.
  void read(std::int32_t row_group, std::vector<parquet::Column>& columns, const parquet::TakeSlice& take) const;

 private:
  /// Where a column lies in the file.
  struct Found {
    MemberPath path{};
    std::vector<int> leaves{};         // the numbers of what is stored for it
    std::size_t lists_of_records = 0;  // in which the column before it is as well
  };

  void check_size(const std::string& column, const Found& found, std::uint64_t file_size) const;
  class ColumnStream;

  std::string path_;
  std::unique_ptr<::parquet::arrow::FileReader> reader_;
  std::vector<Found> found_;
  std::vector<std::uint64_t> rows_;
};

}  // namespace crema::io
