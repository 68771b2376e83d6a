#pragma once

// One column of a Parquet file as plain data, between typed rows and files.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/columns.hpp"

namespace crema::parquet {

/// How a time or duration is counted: a tick is `numerator / denominator` seconds.
struct Ticks {
  std::int64_t numerator = 1;
  std::int64_t denominator = 1;
  std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  std::int64_t highest = std::numeric_limits<std::int64_t>::max();
};

/// The lists of one column at one depth, one behind the other.
struct Lists {
  bool optional = false;              ///< a list may be missing
  std::vector<std::uint64_t> ends{};  ///< for each list: the elements up to its end, from the first list on
  std::vector<std::uint8_t> there{};  ///< for each list: 1 where there is one
};

/// A text that many cells have. Those that a std::string holds in itself are filled up to as many bytes as it can:
/// copying all of them and cutting takes no branch on a size that differs from cell to cell.
struct SharedText {
  explicit SharedText(std::string text) : filled{std::move(text)}, size{filled.size()} {
    filled.resize(std::max(size, std::string{}.capacity()));
  }
  void copy_to(std::string& cell) const {
    cell = filled;
    cell.resize(size);
  }
  std::string filled;
  std::size_t size;
};

/// In the name of a column: one for each list around records.
inline constexpr std::string_view in_lists = "[]";

/// The cells of one field, row after row. Plain data: typed code and files fill it and take it apart.
/// Thread safety: none; one owner at a time.
struct Column {
  /// Nested members are joined with a dot: "pos.x"; those of records in lists are behind as many pairs of brackets, of
  /// which it has no more than there are lists: "legs[].km".
  std::string name;
  ColumnType type = ColumnType::float64;
  bool optional = false;       ///< a cell may be missing
  Ticks ticks{};               ///< of times and durations
  std::vector<Lists> lists{};  ///< whose elements are those of the next ones, and cells at last; none: a row is a cell

  /// Cells of fixed width: native byte order, bool as one byte, times as ticks in 64 bits. Of text: one behind the
  /// other, unless there are codes.
  ByteBuffer values{};
  std::vector<std::uint64_t> text_ends{};  ///< for each cell of text in `values`: the bytes up to its end
  std::vector<SharedText> shared{};        ///< texts of cells
  std::vector<std::uint32_t> codes{};      ///< for each cell of text: which of these it is; or none
  std::vector<std::uint8_t> valid{};       ///< for each cell: 1 where it is there; elsewhere its value is anything

  /// How many lists there are at a depth, or cells below all lists.
  [[nodiscard]] std::size_t count(std::size_t depth) const {
    return depth == lists.size() ? valid.size() : lists[depth].ends.size();
  }
  [[nodiscard]] std::size_t rows() const { return count(0); }
  /// The row of one of the lists at a depth, or of a cell below all of them.
  [[nodiscard]] std::size_t row_of(std::size_t depth, std::size_t element) const {
    while (depth-- > 0) {
      const std::vector<std::uint64_t>& ends = lists[depth].ends;
      element = static_cast<std::size_t>(std::ranges::upper_bound(ends, element) - ends.begin());
    }
    return element;
  }
};

}  // namespace crema::parquet
