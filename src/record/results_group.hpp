#pragma once

#include <map>
#include <string>
#include <vector>

#include "crema/result_options.hpp"
#include "record/column_table.hpp"
#include "record/hdf5.hpp"

namespace crema::record {

/// /results: values and vectors as datasets, every table and every array as a group. Names are checked before they come
/// here (result_checks.hpp).
/// I/O thread only. Every function throws Error where HDF5 fails.
class ResultsGroup {
 public:
  explicit ResultsGroup(hid_t file);

  /// Requires a batch of one column; of one row if `scalar`.
  void store_value(const std::string& name, const ColumnBatch& values, bool scalar, const ValueOptions& options);

  void open_table(const std::string& name, const std::vector<ColumnSpec>& columns, const TableOptions& options);
  void append(const std::string& table, const ColumnBatch& batch);
  void close_table(const std::string& table);

  void create_array(const std::string& name, ColumnType type, const std::vector<hsize_t>& shape,
                    const ArrayOptions& options);
  void write_array(const std::string& name, ColumnType type, const std::vector<hsize_t>& offset,
                   const std::vector<hsize_t>& block_shape, const void* block);

  /// Closes what is still open.
  void close();

 private:
  Handle group_;
  std::map<std::string, ColumnTable> open_tables_;
};

}  // namespace crema::record
