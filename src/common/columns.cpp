#include "crema/columns.hpp"

#include <functional>
#include <numeric>

namespace crema {

ColumnBatch::ColumnBatch(const std::vector<ColumnSpec>& specs) {
  columns.reserve(specs.size());
  for (const ColumnSpec& spec : specs) columns.push_back({spec, {}, {}, {}});
}

std::size_t ColumnBatch::size_bytes() const {
  std::size_t total = 0;
  for (const Column& column : columns) {
    total += column.values.size() + column.valid.size();
    for (const std::string& text : column.texts) total += sizeof(std::string) + text.size();
  }
  return total;
}

std::size_t width_of(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
    case ColumnType::int8:
    case ColumnType::uint8:
      return 1;
    case ColumnType::int16:
    case ColumnType::uint16:
      return 2;
    case ColumnType::int32:
    case ColumnType::uint32:
    case ColumnType::float32:
      return 4;
    case ColumnType::int64:
    case ColumnType::uint64:
    case ColumnType::float64:
    case ColumnType::time:
    case ColumnType::duration:
      return 8;
    case ColumnType::text:
      return 0;
  }
  return 0;
}

std::size_t values_in_cell(const ColumnSpec& column) {
  return std::accumulate(column.shape.begin(), column.shape.end(), std::size_t{1}, std::multiplies<>{});
}

const char* name_of(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
      return "bool";
    case ColumnType::int8:
      return "int8";
    case ColumnType::int16:
      return "int16";
    case ColumnType::int32:
      return "int32";
    case ColumnType::int64:
      return "int64";
    case ColumnType::uint8:
      return "uint8";
    case ColumnType::uint16:
      return "uint16";
    case ColumnType::uint32:
      return "uint32";
    case ColumnType::uint64:
      return "uint64";
    case ColumnType::float32:
      return "float32";
    case ColumnType::float64:
      return "float64";
    case ColumnType::text:
      return "text";
    case ColumnType::time:
      return "time";
    case ColumnType::duration:
      return "duration";
  }
  return "unknown";
}

}  // namespace crema
