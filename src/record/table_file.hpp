#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "crema/columns.hpp"
#include "record/column_table.hpp"
#include "record/new_file.hpp"
#include "record/publish.hpp"

namespace crema::record {

/// An HDF5 file of one table, as Results::table makes them, that appears under its name when it is whole. Every failure
/// is an Error that names the file.
/// Thread safety: none; takes library_mutex() for each call.
class TableFile {
 public:
  /// `table`: the group of its columns, "results" or "day/1"; groups on the way are made. Replaces a file of that name
  /// once this one is published.
  TableFile(const std::filesystem::path& path, const std::string& table, const std::vector<ColumnSpec>& columns);
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;
  ~TableFile();

  /// Requires a batch of the same columns.
  void append(const ColumnBatch& batch);
  void publish();

 private:
  struct Open {
    NewFile file;
    std::vector<Handle> groups{};
    std::optional<ColumnTable> table{};
  };

  void check_disk() const;

  TemporaryFile temporary_;
  WriteFailure failure_;
  std::optional<Open> open_;
};

}  // namespace crema::record
