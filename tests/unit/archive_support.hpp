#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include "crema/archive.hpp"

namespace crema {

template <class T>
Bytes encoded(const T& value) {
  ByteBuffer out;
  encode(out, value);
  return Bytes{std::move(out)};
}

/// The encoding as characters, for comparisons and messages.
template <class T>
std::string encoded_text(const T& value) {
  const Bytes bytes = encoded(value);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Encodes, decodes, and appends a mark to see that decoding stops where encoding did.
template <class T>
T round_trip(const T& value) {
  ByteBuffer out;
  encode(out, value);
  out.put_text("end");
  ByteReader in{Bytes{std::move(out)}};
  T copy = decode<T>(in);
  if (in.get_text() != "end") throw std::logic_error{"decode did not stop where encode did"};
  return copy;
}

}  // namespace crema
