#pragma once

#include <span>
#include <vector>

#include "record/dataset.hpp"
#include "record/rows.hpp"

namespace crema::record {

/// /tasks: rows are packed to 69 bytes, collected to whole chunks and compressed, so that 10^8 of them pass through
/// flat memory. I/O thread only. Every function throws Error where HDF5 fails.
class TaskTable {
 public:
  explicit TaskTable(hid_t file);

  void append(std::span<const TaskRow> rows);
  /// Writes the last, partial chunk.
  void close();

 private:
  struct PackedRow;

  void flush();

  GrowingDataset dataset_;
  std::vector<std::byte> chunk_;  // packed rows, fewer than a chunk's
};

}  // namespace crema::record
