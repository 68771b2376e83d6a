#pragma once

#include <string>
#include <vector>

#include "crema/columns.hpp"
#include "record/dataset.hpp"

namespace crema::record {

/// A table of the run file's own as a dataset of compounds: one row, one element. For text and numbers; optional
/// columns must be floats, NaN where missing.
/// I/O thread only. Every function throws Error where HDF5 fails.
class CompoundTable {
 public:
  CompoundTable(hid_t parent, const std::string& name, const std::vector<ColumnSpec>& columns);

  /// Requires a batch of the same columns.
  void append(const ColumnBatch& batch);
  void close() { dataset_.close(); }

 private:
  GrowingDataset dataset_;
};

}  // namespace crema::record
