#pragma once

#include <boost/serialization/nvp.hpp>
#include <cstdint>
#include <string>

namespace crema {

/// A record of a file, or a file that is a record, that could not be read as a row.
struct BadRecord {
  std::string file;
  std::uint64_t line = 0;  ///< on which it begins, or what is wrong with it; of Parquet the row; counted from 1; 0: the
                           ///< file as a whole
  std::string column;      ///< the field; empty: the record as a whole
  std::string text;        ///< all of the record, as it stands in the file, without the end of its line, and with bytes
                           ///< like \xe9 where it is no UTF-8; of Parquet the columns that are read, as an object of
                           ///< JSON; empty: a file
  std::string reason;      ///< what was expected and what was found

  friend bool operator==(const BadRecord&, const BadRecord&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(file) & BOOST_SERIALIZATION_NVP(line) & BOOST_SERIALIZATION_NVP(column);
    archive& BOOST_SERIALIZATION_NVP(text) & BOOST_SERIALIZATION_NVP(reason);
  }
};

}  // namespace crema
