#pragma once

#include <string>
#include <vector>

#include "crema/columns.hpp"
#include "crema/result_options.hpp"
#include "record/dataset.hpp"

namespace crema::record {

/// One table of results: a group with a one-dimensional dataset for each column. All share the dimension "row" (with
/// an underscore behind it where a column has that name).
/// I/O thread only. Every function throws Error where HDF5 fails.
class ColumnTable {
 public:
  ColumnTable(hid_t results, const std::string& name, const std::vector<ColumnSpec>& columns,
              const TableOptions& options);

  /// Requires a batch of the same columns.
  void append(const ColumnBatch& batch);
  void close();

 private:
  struct Column {
    GrowingDataset cells;
    std::vector<GrowingDataset> valid;  ///< one, or none where missing values show in the cells
  };

  GrowingDataset add_dataset(const std::string& name, ColumnType type);

  std::string name_;
  Handle group_;
  Handle dimension_;
  std::vector<Column> columns_;
  hsize_t rows_ = 0;
};

}  // namespace crema::record
