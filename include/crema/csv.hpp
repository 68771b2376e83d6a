#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "crema/csv_reader.hpp"
#include "crema/dataset.hpp"
#include "crema/read_options.hpp"
#include "crema/record_files.hpp"

namespace crema {

namespace csv {

/// Throws UsageError where the options contradict each other.
void check(const CsvOptions& options);
/// Blocks of the files, as encoded csv::Block. Throws DataError as Partitioner does.
dataset::DescriptionSource open_blocks(const Paths& paths, const std::vector<std::string>& fields,
                                       const CsvOptions& options);

}  // namespace csv

/// The rows of CSV files: of one, of those that a glob pattern matches, or of several such, in that order.
///
/// Columns match the fields of T's `serialize` by name, in any order; other columns are ignored; names are taken
/// without blanks around them; nested records are columns like "pos.x". Cells are read by their field's type: numbers
/// and bools (true, false, 1, 0) with or without blanks around them, enums by their number, text as it is, in UTF-8,
/// time points by ISO 8601; an empty cell needs a std::optional or std::string. A T that is itself a number or text is
/// the column "value".
///
/// The format is RFC 4180 in UTF-8, with what CsvOptions changes of it: a first line of names, commas, cells in quotes
/// where they hold commas, quotes (doubled) or line feeds. LF and CRLF, a byte order mark, blank lines and a last line
/// without its end are fine. Files compressed with gzip or zstd are read as well: tasks of their own unpack them, their
/// text is spilled beyond the memory budget, and all workers make rows of it.
///
/// Nothing is read before a consumer asks. It throws DataError, which names file, line, column, what was expected and
/// what was found: for files and headers before any work starts, for rows when they are reached, unless
/// `.on_bad_record` says otherwise: then a record that is no row is left out, alone; where its quote is never closed,
/// that is the line on which the quote opens. Throws UsageError where delimiter, quote and comment are not three
/// different characters.
template <class T>
[[nodiscard]] Dataset<T> read_csv(Paths paths, CsvOptions options = {}) {
  if constexpr (detail::check_starts_empty<T>()) {
    csv::check(options);
    const BadRecordPolicy policy = options.on_bad_record;
    return Dataset<T>{detail::records_plan<T, csv::Block>(
        "read_csv", policy, [paths = std::move(paths), options = std::move(options)] {
          return csv::open_blocks(paths, csv::field_names<T>(), options);
        })};
  }
}

}  // namespace crema
