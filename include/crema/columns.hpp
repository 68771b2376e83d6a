#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "crema/bytes.hpp"

namespace crema {

/// The types a column of a table can have. The values are part of no file format.
enum class ColumnType : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  text,      ///< UTF-8
  time,      ///< a time point: int64 nanoseconds since 1970-01-01 UTC
  duration,  ///< int64 nanoseconds
};

struct ColumnSpec {
  std::string name;  ///< nested members are joined with a dot: "pos.x"
  ColumnType type = ColumnType::float64;
  bool optional = false;               ///< the field, what it is in, or what is in it is a std::optional
  std::uint32_t lists = 0;             ///< how many std::vector it is inside of; in files and tables none
  std::vector<std::uint64_t> shape{};  ///< of a std::array of numbers: its sizes, the outermost first; of others empty

  friend bool operator==(const ColumnSpec&, const ColumnSpec&) = default;
};

/// Rows held column by column. Plain data: typed code fills it (schema.hpp), plain code writes it to files.
/// Thread safety: none; one owner at a time.
struct ColumnBatch {
  struct Column {
    ColumnSpec spec;
    ByteBuffer values;  ///< rows() fixed-width cells in native byte order; bool as one byte; unused for text
    std::vector<std::string> texts;  ///< rows() strings for text columns
    std::vector<std::uint8_t>
        valid;  ///< for optional columns: 1 where there is a value; elsewhere the value is 0, NaN or ""
  };

  std::vector<Column> columns;
  std::size_t rows = 0;

  explicit ColumnBatch(const std::vector<ColumnSpec>& specs);
  /// Bytes held by all columns: what a writer's memory bound counts.
  [[nodiscard]] std::size_t size_bytes() const;
};

/// Bytes of one value of a fixed-width type; 0 for text.
std::size_t width_of(ColumnType type);
/// Values of a cell: 1, or those of an array.
std::size_t values_in_cell(const ColumnSpec& column);
/// "float64", "text", …
const char* name_of(ColumnType type);

}  // namespace crema
