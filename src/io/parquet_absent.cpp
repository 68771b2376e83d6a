// Stands in for the other parquet sources where crema is built without Arrow.

#include "crema/errors.hpp"
#include "crema/parquet.hpp"

namespace crema {

bool parquet_available() { return false; }

namespace parquet {
namespace {

[[noreturn]] void refuse(const std::string& operation) {
  throw UsageError{
      operation +
      " needs Arrow C++ 24 or later with Parquet, and this crema was built without it: install it (conda: libarrow and "
      "libparquet; Spack: arrow+parquet; elsewhere `python3 -m pip install --target FOLDER pyarrow`, with "
      "-DCREMA_ARROW_ROOT=FOLDER/pyarrow for CMake), then configure and build crema again"};
}

}  // namespace

void check_available(const std::string& operation) { refuse(operation); }
dataset::DescriptionSource open_blocks(const Paths&, const std::vector<Column>&, const ReadOptions&) {
  refuse("reading Parquet files");
}
std::uint64_t count_rows(const Paths&, const std::vector<Column>&) { refuse("reading Parquet files"); }
void read_columns(const Block&, std::vector<Column>&, const TakeSlice&) { refuse("reading Parquet files"); }
std::vector<BadRecord> read_bad_records(const Block&, std::vector<Column>) { refuse("reading Parquet files"); }
std::string file_of(const std::vector<Column>&, std::size_t) { refuse("writing Parquet files"); }

}  // namespace parquet
}  // namespace crema
