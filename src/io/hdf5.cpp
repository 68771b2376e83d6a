#include "crema/hdf5.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <numeric>
#include <optional>
#include <system_error>

#include "crema/errors.hpp"
#include "crema/task.hpp"
#include "io/block_source.hpp"
#include "io/file.hpp"
#include "record/array_reader.hpp"
#include "record/table_file.hpp"
#include "record/table_reader.hpp"

namespace crema::hdf5 {
namespace {

constexpr std::uint64_t most_block_bytes = 64 << 20;

/// Cuts tables and arrays into blocks of rows that are stored together. The cuts depend on the files alone.
class Partitioner {
 public:
  /// `open(path)` returns a reader.
  template <class Open>
  Partitioner(const Paths& paths, const std::string& table, Open open) {
    for (const std::string& path : io::matching_paths(paths.patterns())) {
      const io::File file{path};
      files_.push_back({path, file.size(), file.modified()});
      const auto reader = open(path);
      const std::uint64_t width = std::max<std::uint64_t>(1, reader.row_bytes());
      const std::uint64_t wanted = std::max<std::uint64_t>(1, io::block_size_for(reader.rows() * width) / width);
      const std::uint64_t chunk = std::max<std::uint64_t>(1, std::min(reader.chunk_rows(), reader.rows()));
      // Chunks of an array may be high and narrow: whole ones are then more than a task should hold.
      const std::uint64_t whole = (wanted + chunk - 1) / chunk * chunk;
      const bool fits = whole <= std::max(wanted, most_block_bytes / width);
      tables_.push_back({.path = path, .table = table, .rows = reader.rows(), .rows_per_block = fits ? whole : wanted});
    }
  }

  std::optional<Block> next() {
    for (; !tables_.empty(); tables_.pop_front(), first_ = 0) {
      const Table& table = tables_.front();
      if (first_ == table.rows) continue;
      const std::uint64_t count = std::min(table.rows_per_block, table.rows - first_);
      Block block{.path = table.path, .table = table.table, .first = first_, .count = count};
      first_ += count;
      return block;
    }
    return std::nullopt;
  }
  [[nodiscard]] const std::vector<InputFile>& files() const { return files_; }
  [[nodiscard]] std::uint64_t rows() const {
    return std::accumulate(tables_.begin(), tables_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Table& table) { return sum + table.rows; });
  }

 private:
  struct Table {
    std::string path;
    std::string table;
    std::uint64_t rows = 0;
    std::uint64_t rows_per_block = 0;
  };

  std::vector<InputFile> files_;
  std::deque<Table> tables_;  // the front is being cut, the others are to come
  std::uint64_t first_ = 0;   // row of the front
};

Partitioner partitioner_of(const Paths& paths, const std::string& table, const std::vector<ColumnSpec>& columns) {
  return {paths, table, [&](const std::string& path) { return record::TableReader{path, table, columns}; }};
}

Partitioner partitioner_of(const Paths& paths, const std::string& array, const ArraySpec& spec) {
  return {paths, array, [&](const std::string& path) {
            return record::ArrayReader{path, array, spec.type, spec.row_shape};
          }};
}

}  // namespace

dataset::DescriptionSource open_blocks(const Paths& paths, const std::string& table,
                                       const std::vector<ColumnSpec>& columns) {
  return io::source_of(partitioner_of(paths, table, columns));
}

dataset::DescriptionSource open_array_blocks(const Paths& paths, const std::string& array, const ArraySpec& spec) {
  return io::source_of(partitioner_of(paths, array, spec));
}

std::uint64_t count_rows(const Paths& paths, const std::string& table, const std::vector<ColumnSpec>& columns) {
  return io::count_rows(partitioner_of(paths, table, columns));
}

std::uint64_t count_array_rows(const Paths& paths, const std::string& array, const ArraySpec& spec) {
  return io::count_rows(partitioner_of(paths, array, spec));
}

namespace {

/// Asked once: a start that goes on from a journal finds that there was none, and may replace what was written since.
bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

}  // namespace

void write_table(const std::string& path, const std::string& table, const std::vector<ColumnSpec>& columns,
                 const std::function<std::optional<ColumnBatch>()>& next) {
  if (with(TaskOptions{.name = "begin to write " + path}).remote<is_there>(path).get()) {
    throw UsageError{"making the HDF5 file \"" + path +
                     "\": it exists already and is never overwritten; choose another name or remove it"};
  }
  record::TableFile file{path, table, columns};
  while (const std::optional<ColumnBatch> batch = next()) file.append(*batch);
  file.publish();
}

ColumnBatch read_columns(const Block& block, const std::vector<ColumnSpec>& columns) {
  return record::TableReader{block.path, block.table, columns}.read(block.first, block.count);
}

ArrayRows read_array(const Block& block, const ArraySpec& spec) {
  const record::ArrayReader reader{block.path, block.table, spec.type, spec.row_shape};
  return {.numbers = reader.read(block.first, block.count), .row_shape = reader.row_shape()};
}

}  // namespace crema::hdf5
