#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/io_thread.hpp"
#include "crema/columns.hpp"
#include "crema/result_options.hpp"
#include "record/rows.hpp"

namespace crema::record {

/// Calls that store results wait while more than this is queued for the disk.
inline constexpr std::size_t max_queued_result_bytes = 64U << 20U;

class RunFileWriter;

/// Whether the run file says that its run is complete; false also where it is no run file. Not beside a RunFile that is
/// being written. Throws Error when the file cannot be read.
bool is_complete(const std::filesystem::path& path);

/// The run's one HDF5 file (README.md in this folder describes it). It is written under a temporary name beside the
/// target by a thread of its own, which makes all HDF5 calls, and renamed when it is whole. A failed write (a full
/// disk) shows in failed() and in finish(). Without finish() nothing is left behind.
/// Thread safety: the class's functions say it.
class RunFile {
 public:
  /// Throws UsageError when the target exists or its folder cannot be written, Error when HDF5 fails.
  RunFile(std::filesystem::path target, const RunInfo& info);
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;
  ~RunFile();

  // Any thread; never wait for the disk. After a failed write the rows are dropped.

  void add_tasks(std::vector<TaskRow>&& rows);
  void add_dependencies(std::vector<DependencyRow>&& rows);
  void add_error(ErrorRow row);
  /// Bytes queued and not yet written: whoever makes rows slows down above a bound of its own.
  [[nodiscard]] std::size_t backlog_bytes() const noexcept { return io_.backlog_bytes(); }
  /// Whether writing has failed: nothing more will be stored, and finish() says why.
  [[nodiscard]] bool failed() const noexcept { return io_.failed(); }

  // The driver's thread only: what crema::Results does. Each throws UsageError when used wrongly, a name used twice
  // included, and Error once writing has failed.

  /// Stores a batch of one column as a scalar (one row) or as a vector.
  void store_value(const std::string& name, ColumnBatch values, bool scalar, const ValueOptions& options);
  void open_table(const std::string& name, const std::vector<ColumnSpec>& columns, const TableOptions& options);
  void append(const std::string& table, ColumnBatch rows);
  /// Tables that are still open are closed by finish().
  void close_table(const std::string& table);
  void create_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& shape,
                    const ArrayOptions& options);
  /// Writes a block and returns when it is written. Requires a created array of that type and shape.
  /// `block_shape` empty: whole slices of the first dimension.
  void write_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& array_shape,
                   const std::vector<std::size_t>& offset, const std::vector<std::size_t>& block_shape,
                   std::span<const std::byte> block);

  /// Writes what is left, waits, and gives the file its name: on disk, never over another file. Returns the path.
  /// Throws Error when any write failed (the temporary file is removed), or when the name was taken meanwhile (the
  /// message says where the results are). To be called once, by one thread, when no other uses this object.
  std::filesystem::path finish(Summary summary);

 private:
  /// Queues work on the writer that holds `bytes` of memory.
  template <class Work>
  void post(std::size_t bytes, Work work);
  void claim(const std::string& name);
  void throw_if_failed() const;
  void wait_for_space();

  std::set<std::string> result_names_;  // driver's thread only

  std::unique_ptr<RunFileWriter> writer_;  // I/O thread only, once constructed
  IoThread io_;                            // last: its end uses the writer
};

}  // namespace crema::record
