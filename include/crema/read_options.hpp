#pragma once

// What the readers of files are told: which files, and how to read them.

#include <boost/serialization/nvp.hpp>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace crema {

/// One or several files, each a path or a glob(7) pattern: read in the order given, those of a pattern in the order of
/// their names. No pattern matches `_SUCCESS`, the marker of a folder that was written whole. Every rank must see the
/// files under the same paths.
class Paths {
 public:
  // Implicit, so that a reader takes any of them.
  Paths(const char* pattern) : patterns_{pattern} {}
  Paths(std::string pattern) : patterns_{std::move(pattern)} {}
  Paths(const std::filesystem::path& pattern) : patterns_{pattern.string()} {}
  Paths(std::vector<std::string> patterns) : patterns_{std::move(patterns)} {}
  Paths(std::initializer_list<std::string> patterns) : patterns_{patterns} {}

  [[nodiscard]] const std::vector<std::string>& patterns() const noexcept { return patterns_; }

 private:
  std::vector<std::string> patterns_;
};

/// What becomes of a record that cannot be read as a row: one whose cells are too few or too many, that is no JSON, or
/// that does not hold what its fields need. Records of HDF5 always do, as their types are looked at before any is read.
/// The rows around it are not affected. How many records a block has lost, and the first of them, is said on stderr for
/// the first blocks of each process and then more and more rarely; how many a dataset has lost once it is read, for the
/// first 100 of each process and then more and more rarely, with the sum. DatasetStats always has the number.
enum class BadRecordPolicy : std::uint8_t {
  fail,    ///< DataError: nothing is lost unnoticed
  skip,    ///< the record is left out
  collect  ///< the record is left out, and Dataset::bad_records has it
};

/// How a CSV file is written, and what to do where it is not written so.
struct CsvOptions {
  char delimiter = ',';  ///< between cells
  char quote = '"';      ///< around cells that hold delimiters, quotes or line feeds; '\0': none
  char comment = '\0';   ///< a line that begins with it is no record; '\0': there are none
  std::vector<std::string>
      na_values{};  ///< cells that count as empty, as in {"NA", "-"}; blanks around them do not count
  BadRecordPolicy on_bad_record = BadRecordPolicy::fail;

  friend bool operator==(const CsvOptions&, const CsvOptions&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(delimiter) & BOOST_SERIALIZATION_NVP(quote) & BOOST_SERIALIZATION_NVP(comment);
    archive& BOOST_SERIALIZATION_NVP(na_values) & BOOST_SERIALIZATION_NVP(on_bad_record);
  }
};

/// What to do where a file is not as it should be; all that readers of JSON and Parquet files are told.
struct ReadOptions {
  BadRecordPolicy on_bad_record = BadRecordPolicy::fail;

  friend bool operator==(const ReadOptions&, const ReadOptions&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(on_bad_record);
  }
};

}  // namespace crema
