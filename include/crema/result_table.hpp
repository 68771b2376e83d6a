#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crema/table_rows.hpp"

namespace crema {

namespace record {
class RunFile;
}

namespace detail {

/// The rows of one open table on their way to the run file, block by block.
class TableWriter {
 public:
  /// Requires an open table of that name in the file.
  TableWriter(record::RunFile& file, std::string name, const std::vector<ColumnSpec>& columns);
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;
  /// Writes what is left. A failure to write shows when the run file is finished.
  ~TableWriter();

  template <class Row>
  void append(const Row& row) {
    try {
      bytes_ += append_row(batch(), row);
    } catch (...) {
      drop_block();  // half a row would shift all that follow
      throw;
    }
    if (bytes_ >= block_bytes || batch_.rows >= block_rows) flush();
  }
  /// Writes what is left and closes the table; append throws UsageError from then on.
  void close();

 private:
  static constexpr std::size_t block_bytes = 1U << 20U;
  static constexpr std::size_t block_rows = 8192;  // the chunk of a table's columns (src/record/column_table.cpp)

  ColumnBatch& batch();
  void flush();
  void drop_block();

  record::RunFile* file_;
  std::string name_;
  std::vector<ColumnSpec> columns_;
  ColumnBatch batch_;
  std::size_t bytes_ = 0;
};

}  // namespace detail

/// A table that takes rows one at a time: `results().table<Row>(name)`. Copies append to the same table. Rows are
/// written in blocks of about 1 MiB; the last when the last copy goes or the driver ends, whichever is first.
/// Thread safety: the driver's thread only.
template <class Row>
class Table {
 public:
  explicit Table(std::shared_ptr<detail::TableWriter> writer) : writer_{std::move(writer)} {}

  /// May wait while the run file has a backlog. Throws Error once the file cannot be written, UsageError once the run
  /// is over.
  void append(const Row& row) { writer_->append(row); }

 private:
  std::shared_ptr<detail::TableWriter> writer_;
};

}  // namespace crema
