#pragma once

#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "crema/csv_reader.hpp"
#include "crema/dataset.hpp"

namespace crema {

namespace csv {

/// Blocks of the files a pattern matches, as encoded csv::Block. Throws DataError as Partitioner does.
dataset::DescriptionSource open_blocks(const std::string& pattern, const std::vector<std::string>& fields);

template <class T>
struct Load {
  static Bytes body(void* subject, ByteReader& description) {
    dataset::rows_of(subject).assign(read_rows<T>(decode<Block>(description)));
    return {};
  }
};

}  // namespace csv

/// The rows of one CSV file, or of all files that a glob pattern matches, in the order of their names. Every rank must
/// see them under the same path.
///
/// Columns match the fields of T's `serialize` by name, in any order; other columns are ignored; names are taken
/// without blanks around them; nested records are columns like "pos.x". Cells are read by their field's type: numbers
/// and bools (true, false, 1, 0) with or without blanks around them, enums by their number, text as it is, time points
/// by ISO 8601; an empty cell needs a std::optional or std::string. A T that is itself a number or text is the column
/// "value".
///
/// The format is RFC 4180 in UTF-8: a first line of names, commas, cells in quotes where they hold commas, quotes
/// (doubled) or line feeds. LF and CRLF, a byte order mark, blank lines and a last line without its end are fine.
///
/// Nothing is read before a consumer asks. It throws DataError, which names file, line, column, what was expected and
/// what was found: for files and headers before any work starts, for rows when they are reached.
template <class T>
[[nodiscard]] Dataset<T> read_csv(std::string pattern) {
  constexpr bool starts_empty = std::is_default_constructible_v<T>;
  static_assert(starts_empty,
                "crema: a row read from a file must be default constructible: give it a constructor without arguments");
  if constexpr (starts_empty) {
    return Dataset<T>{dataset::load_plan(
        dataset::step<csv::Load<T>>("read_csv<" + demangle(typeid(T).name()) + ">"),
        [pattern = std::move(pattern)] { return csv::open_blocks(pattern, csv::field_names<T>()); })};
  }
}

}  // namespace crema
