#pragma once

#include <boost/serialization/nvp.hpp>
#include <cstdint>
#include <string>

namespace crema {

/// How a file is compressed. The readers of text see it from the file's first bytes.
enum class Compression : std::uint8_t { none, gzip, zstd };

/// Whole lines of one file of text, to be read by any rank. A compressed file cannot be entered in the middle: its
/// block has all of its text from `offset` on.
struct TextBlock {
  std::string path;          ///< as the driver named it
  std::uint64_t offset = 0;  ///< of the first byte of the text
  std::uint64_t size = 0;    ///< bytes of the text; of the whole file where that is compressed
  Compression compression = Compression::none;

  friend bool operator==(const TextBlock&, const TextBlock&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(offset) & BOOST_SERIALIZATION_NVP(size);
    archive& BOOST_SERIALIZATION_NVP(compression);
  }
};

}  // namespace crema
