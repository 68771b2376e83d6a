#include "crema/parquet.hpp"

#include <numeric>
#include <optional>

#include "io/block_source.hpp"
#include "io/file.hpp"
#include "io/parquet_file.hpp"

namespace crema {

bool parquet_available() { return true; }

namespace parquet {
namespace {

/// The row groups of all files, whose footers it has read.
class Partitioner {
 public:
  Partitioner(const Paths& paths, const std::vector<Column>& columns) {
    for (const std::string& path : io::matching_paths(paths.patterns())) {
      const io::File file{path};
      files_.push_back({path, file.size(), file.modified()});
      rows_.push_back(io::ParquetFile{path, columns}.rows());
    }
  }

  std::optional<Block> next() {
    for (; file_ < files_.size(); ++file_, row_group_ = 0) {
      const std::vector<std::uint64_t>& groups = rows_[file_];
      while (row_group_ < groups.size() && groups[row_group_] == 0) ++row_group_;
      if (row_group_ == groups.size()) continue;
      return Block{.path = files_[file_].path, .row_group = static_cast<std::int32_t>(row_group_++)};
    }
    return std::nullopt;
  }
  [[nodiscard]] const std::vector<InputFile>& files() const { return files_; }
  [[nodiscard]] std::uint64_t rows() const {
    std::uint64_t sum = 0;
    for (const auto& groups : rows_) sum = std::accumulate(groups.begin(), groups.end(), sum);
    return sum;
  }

 private:
  std::vector<InputFile> files_;
  std::vector<std::vector<std::uint64_t>> rows_;  // of each row group of each file
  std::size_t file_ = 0;                          // the next block's
  std::size_t row_group_ = 0;
};

}  // namespace

void check_available(const std::string& /*operation*/) {}

dataset::DescriptionSource open_blocks(const Paths& paths, const std::vector<Column>& columns,
                                       const ReadOptions& options) {
  return io::source_of(Partitioner{paths, columns}, [options](Block block) {
    block.options = options;
    return block;
  });
}

std::uint64_t count_rows(const Paths& paths, const std::vector<Column>& columns) {
  return io::count_rows(Partitioner{paths, columns});
}

void read_columns(const Block& block, std::vector<Column>& columns, const TakeSlice& take) {
  io::ParquetFile{block.path, columns}.read(block.row_group, columns, take);
}

std::vector<BadRecord> read_bad_records(const Block& block, std::vector<Column> columns) {
  std::vector<BadRecord> bad;
  read_columns(block, columns, [&bad](const Slice& slice) {
    for (const BadRow& row : slice.bad) {
      bad.push_back(crema::detail::make_bad_record(row.error, slice.text(row.row)));
      bad.back().line = slice.first_row + row.row + 1;
    }
  });
  return bad;
}

}  // namespace parquet
}  // namespace crema
