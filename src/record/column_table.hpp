#pragma once

#include <set>
#include <string>
#include <vector>

#include "crema/columns.hpp"
#include "crema/result_options.hpp"
#include "record/dataset.hpp"

namespace crema::record {

/// One table of results: a group with a dataset for each column. All share their first dimension "row"; where a cell is
/// an array, "<column>_1" and so on follow. An underscore stands behind a dimension's name that something else has.
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

  GrowingDataset add_dataset(const std::string& name, ColumnType type, const std::vector<hsize_t>& cell_shape);
  /// A dimension with this name, or one that is not taken.
  Handle add_dimension(std::string name, hsize_t size, bool grows);

  std::string name_;
  std::set<std::string> taken_;  // names in the group
  Handle group_;
  Handle dimension_;
  std::vector<Column> columns_;
  hsize_t rows_ = 0;
};

}  // namespace crema::record
