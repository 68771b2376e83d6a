#pragma once

// What the readers of files made of records share: rows out of a block, and what becomes of records that are none.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "crema/bad_record.hpp"
#include "crema/errors.hpp"
#include "crema/read_options.hpp"

namespace crema::detail {

/// The bad records of one block, counted.
class BadRecordCount {
 public:
  BadRecordCount(std::string file, BadRecordPolicy policy) : file_{std::move(file)}, policy_{policy} {}

  /// Throws the error where bad records are failures.
  void add(const DataError& error);
  /// Says on stderr how many records there were besides `rows` good ones, if any. One process says it of ten blocks and
  /// then more and more rarely: at the 16th, 32nd, 64th and so on.
  void report(std::uint64_t rows) const;
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::string file_;
  BadRecordPolicy policy_;
  std::uint64_t count_ = 0;
  std::string first_;
};

BadRecord make_bad_record(const DataError& error, std::string text);

/// The rows that `reader` reads: `read(row)` returns false behind the last record, and after a DataError goes on with
/// the next one; `most_records()` is a bound. `left_out`: the others are counted there.
template <class T, class Reader>
std::vector<T> read_good_rows(Reader& reader, BadRecordCount bad, std::uint64_t* left_out) {
  std::vector<T> rows;
  rows.reserve(reader.most_records());
  for (;;) {
    T row{};
    try {
      if (!reader.read(row)) break;
    } catch (const DataError& error) {
      bad.add(error);
      continue;
    }
    rows.push_back(std::move(row));
  }
  bad.report(rows.size());
  if (left_out != nullptr) *left_out += bad.count();
  return rows;
}

/// The records of which it makes no rows; `record_text()` is that of the last one read.
template <class T, class Reader>
std::vector<BadRecord> read_bad_records(Reader& reader) {
  std::vector<BadRecord> bad;
  for (;;) {
    try {
      T row{};
      if (!reader.read(row)) return bad;
    } catch (const DataError& error) {
      bad.push_back(make_bad_record(error, reader.record_text()));
    }
  }
}

}  // namespace crema::detail
