#pragma once

#include <boost/serialization/nvp.hpp>
#include <cstdint>
#include <string>

#include "crema/bytes.hpp"

namespace crema {

/// Whole lines of one file of text, to be read by any rank.
struct TextBlock {
  std::string path;              ///< as the driver named it
  std::uint64_t offset = 0;      ///< of the first byte of the text
  std::uint64_t size = 0;        ///< bytes of the text; of an `uncut` file about
  std::uint64_t first_line = 0;  ///< the line on which the text begins, counted from 1; 0: not known
  Bytes text{};                  ///< of a file that cannot be entered in the middle; else it is read from there
  bool uncut = false;            ///< it is a whole file, which a task has to cut into blocks: the others can be read

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(offset) & BOOST_SERIALIZATION_NVP(size);
    archive& BOOST_SERIALIZATION_NVP(first_line) & BOOST_SERIALIZATION_NVP(text) & BOOST_SERIALIZATION_NVP(uncut);
  }
};

}  // namespace crema
