#pragma once

// Values as bytes: what travels between ranks. Classes describe themselves with Boost.Serialization's `serialize`;
// the types of the standard library are known without including anything else.

#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/version.hpp>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "crema/bytes.hpp"
#include "crema/codec.hpp"
#include "crema/codec_containers.hpp"
#include "crema/codec_maps.hpp"
#include "crema/codec_values.hpp"

namespace crema {

namespace detail {

struct NotSerializable {
  static constexpr bool serializable = false;
};

template <class T>
struct ClassCodec {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const T& value) {
    const std::size_t start = archive.buffer().size();
    // serialize has one signature for both directions; it does not change what it saves.
    boost::serialization::serialize_adl(archive, const_cast<T&>(value), version);
    if (archive.buffer().size() == start) write_nothing(archive);
  }
  static void read(InArchive& archive, T& value) {
    const std::size_t start = archive.reader().remaining();
    boost::serialization::serialize_adl(archive, value, version);
    if (archive.reader().remaining() == start) read_nothing(archive);
  }

 private:
  static constexpr unsigned version = boost::serialization::version<T>::value;
};

template <class T>
struct Codec : std::conditional_t<has_serialize<T>(), ClassCodec<T>, NotSerializable> {};

// Boost has functions for these, but an owner cannot be moved or shared between ranks by sending it.
template <class T, class Deleter>
struct Codec<std::unique_ptr<T, Deleter>> : NotSerializable {};
template <class T>
struct Codec<std::shared_ptr<T>> : NotSerializable {};
template <class T>
struct Codec<std::weak_ptr<T>> : NotSerializable {};

template <class T>
struct Codec<boost::serialization::nvp<T>> {
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const boost::serialization::nvp<T>& value) { archive << value.const_value(); }
  static void read(InArchive& archive, boost::serialization::nvp<T>& value) { archive >> value.value(); }
};

template <class T>
struct Codec<boost::serialization::array_wrapper<T>> {
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const boost::serialization::array_wrapper<T>& value) {
    write_elements(archive, value.address(), value.count());
  }
  static void read(InArchive& archive, boost::serialization::array_wrapper<T>& value) {
    read_elements(archive, value.address(), value.count());
  }
};

/// What Boost's functions for containers write before the elements.
template <>
struct Codec<boost::serialization::collection_size_type> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const boost::serialization::collection_size_type& value) {
    write_count(archive, value);
  }
  static void read(InArchive& archive, boost::serialization::collection_size_type& value) {
    value = boost::serialization::collection_size_type{read_count(archive)};
  }
};
template <>
struct Codec<boost::serialization::item_version_type> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const boost::serialization::item_version_type& value) {
    archive << static_cast<unsigned>(value);
  }
  static void read(InArchive& archive, boost::serialization::item_version_type& value) {
    value = boost::serialization::item_version_type{archive.reader().get<unsigned>()};
  }
};

}  // namespace detail

/// Appends the value's bytes. Equal values give equal bytes, except where == is coarser than the value (0.0 and -0.0).
template <class T>
void encode(ByteBuffer& out, const T& value) {
  OutArchive archive{out};
  archive << value;
}

/// Replaces `value` by what encode wrote, and leaves the reader behind it. Throws crema::Error where the input cannot
/// be a T; the value then holds some part of the input.
template <class T>
void decode(ByteReader& in, T& value) {
  InArchive archive{in};
  archive >> value;
}

/// The same for a default-constructed value.
template <class T>
[[nodiscard]] T decode(ByteReader& in) {
  if constexpr (detail::checked_serializable<T>() && detail::checked_default_constructible<T>()) {
    if constexpr (detail::is_bulk<T>) {
      T value;  // not cleared: every byte is overwritten
      crema::decode(in, value);
      return value;
    } else {
      T value = T();
      crema::decode(in, value);
      return value;
    }
  } else {
    std::abort();  // never compiled into a program: a sentence has ended the compilation
  }
}

}  // namespace crema
