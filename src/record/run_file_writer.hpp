#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "record/compound_table.hpp"
#include "record/hdf5.hpp"
#include "record/new_file.hpp"
#include "record/publish.hpp"
#include "record/results_group.hpp"
#include "record/rows.hpp"
#include "record/task_table.hpp"

namespace crema::record {

/// The open HDF5 file behind RunFile. Construction and target() may happen on any thread; all else on the I/O thread.
/// Every function throws Error where HDF5 or the system fails.
class RunFileWriter {
 public:
  /// Claims a temporary file; throws UsageError when the target exists or its folder cannot be written.
  RunFileWriter(std::filesystem::path target, RunInfo info);

  /// Creates the HDF5 file with all that is known at the start.
  void open();
  void add_tasks(std::span<const TaskRow> rows) { open_->tasks.append(rows); }
  void add_dependencies(std::span<const DependencyRow> rows);
  void add_error(const ErrorRow& row);
  ResultsGroup& results() { return open_->results; }
  /// Writes all that is known at the end, closes the file and gives it its name.
  void finish(const Summary& summary);
  /// Throws Error if the system refused a write: to be called after the work, for HDF5 itself is not told.
  void check_disk() const;
  /// Closes the file if it is open, whatever is in it.
  void abandon() noexcept { open_.reset(); }

  [[nodiscard]] const std::filesystem::path& target() const noexcept { return temporary_.target(); }

 private:
  struct OpenFile {
    OpenFile(const std::string& path, WriteFailure& failure);

    [[nodiscard]] hid_t file() const { return hdf5.file.get(); }

    NewFile hdf5;
    TaskTable tasks;
    CompoundTable dependencies;
    CompoundTable errors;
    ResultsGroup results;
  };

  void write_start();
  void write_end(const Summary& summary);

  RunInfo info_;
  TemporaryFile temporary_;
  WriteFailure failure_;
  std::optional<OpenFile> open_;
};

}  // namespace crema::record
