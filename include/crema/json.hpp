#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "crema/dataset.hpp"
#include "crema/json_reader.hpp"
#include "crema/read_options.hpp"
#include "crema/record_files.hpp"

namespace crema {

namespace json {

/// Blocks of the files, as encoded json::Block. Throws DataError where a pattern names no file or one cannot be read.
dataset::DescriptionSource open_blocks(const Paths& paths, const ReadOptions& options);

}  // namespace json

/// The rows of JSON files: of one, of those that a glob pattern matches, or of several such, in that order. A file is
/// either JSON lines (one value a line, blank lines between them), which many tasks read at a time, or one array, whose
/// elements tasks of their own find; their text is spilled beyond the memory budget, and all workers make rows of it.
/// So it is with a file compressed with gzip or zstd. An element of an array has at most 256 MiB: from a longer one on,
/// nothing is read.
///
/// Members match the fields of T's `serialize` by name, in any order; other members are ignored. Nested records are
/// nested objects, or members like "pos.x". Numbers and enums are read from numbers that fit, bools from true and
/// false, text from text, time points from ISO 8601 text, a std::vector from an array; null, or a member that is not
/// there, needs a std::optional. A T that is itself a number, a text or a std::vector is the whole record, or its
/// member "value". A record that holds, in whatever member, an integer beyond 64 bits,
/// a number beyond a double, or something nested deeper than 1,024 is no row.
///
/// Nothing is read before a consumer asks. It throws DataError, which names file, line, field, what was expected and
/// what was found, unless `.on_bad_record` says otherwise: then a record that is no row is left out, alone. In an array
/// an element with a brace or quote too many or too few ends where a line begins with the next one's brace, as far left
/// as its own line or further; elements behind it on the same line are lost with it.
template <class T>
[[nodiscard]] Dataset<T> read_json(Paths paths, ReadOptions options = {}) {
  if constexpr (detail::check_starts_empty<T>()) {
    return Dataset<T>{detail::records_plan<T, json::Block>(
        "read_json", options.on_bad_record,
        [paths = std::move(paths), options] { return json::open_blocks(paths, options); })};
  }
}

}  // namespace crema
