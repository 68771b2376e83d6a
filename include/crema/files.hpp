#pragma once

#include <boost/serialization/nvp.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "crema/dataset.hpp"
#include "crema/read_options.hpp"

namespace crema {

/// A file as it is.
struct BinaryFile {
  std::string path;
  std::vector<std::byte> bytes;

  friend bool operator==(const BinaryFile&, const BinaryFile&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(bytes);
  }
};

/// The lines of files of text, without their ends (LF or CRLF) and without a byte order mark: of one file, of those
/// that a glob pattern matches, or of several such, in that order. Blank lines are lines. Files compressed with gzip or
/// zstd are read as well: tasks of their own unpack them, and their text is spilled beyond the memory budget.
///
/// Nothing is read before a consumer asks. It throws DataError for files that cannot be read.
[[nodiscard]] Dataset<std::string> read_text(Paths paths);

/// Whole files, each a row, as they are: of one path, of those that a glob pattern matches, or of several such, in that
/// order. Small files share a block; a file must fit into memory.
///
/// Nothing is read before a consumer asks. It throws DataError for files that cannot be read.
[[nodiscard]] Dataset<BinaryFile> read_binary(Paths paths);

}  // namespace crema
