#pragma once

#include <boost/mpl/bool.hpp>
#include <boost/serialization/extended_type_info_typeid.hpp>  // base_object of a polymorphic base needs this
#include <boost/serialization/library_version_type.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/void_cast.hpp>  // and this
#include <boost/serialization/wrapper.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "crema/bytes.hpp"
#include "crema/serializable.hpp"

namespace crema {

class OutArchive;
class InArchive;

namespace detail {

/// How values of one type become bytes and come back: `serializable`, `write(OutArchive&, const T&)` and
/// `read(InArchive&, T&)`. The byte layouts are listed in src/wire/README.md. Every value takes at least one byte, as
/// every object does: so a count can be checked against the bytes that are left before anything is allocated.
template <class T>
struct Codec;

}  // namespace detail

/// Whether encode and decode know what to do with T. Looks into containers and tuples, not into the fields of classes.
template <class T>
inline constexpr bool is_serializable = detail::Codec<std::remove_const_t<T>>::serializable;

namespace detail {

/// What Boost's own functions for containers ask before they read; the numbers are Boost's.
inline const boost::serialization::library_version_type newest_layout{std::numeric_limits<std::uint16_t>::max()};

/// More elements, or more characters, than the input can hold.
[[noreturn]] void throw_bad_count(std::uint64_t count, std::size_t remaining);
/// A number that no value of the type is written as.
[[noreturn]] void throw_bad_value(const char* type, std::uint64_t found);

// These two end the compilation with their sentence; callers go on only where they are true, so that no other error
// buries it.
template <class T>
consteval bool checked_serializable() {
  static_assert(is_serializable<T>,
                "crema: a value of this type cannot be sent to another rank: give its class a member "
                "\"template <class Archive> void serialize(Archive& ar, unsigned) { ar & field; }\"; instead of "
                "pointers, references, views and lambdas send the values themselves");
  return is_serializable<T>;
}
template <class T>
consteval bool checked_default_constructible() {
  static_assert(std::is_default_constructible_v<T>,
                "crema: a value that arrives from another rank is first default-constructed, then filled in: give its "
                "type a public default constructor");
  return std::is_default_constructible_v<T>;
}

template <class T>
void write(OutArchive& archive, const T& value) {
  if constexpr (checked_serializable<T>()) Codec<T>::write(archive, value);
}
template <class T>
void read(InArchive& archive, T& value) {
  static_assert(!std::is_const_v<T>, "crema: a const member cannot be read into: make it non-const or leave it out");
  if constexpr (!std::is_const_v<T>) {
    if constexpr (checked_serializable<T>()) Codec<T>::read(archive, value);
  }
}

}  // namespace detail

/// Writes values into a buffer: a saving archive of Boost.Serialization without tracking, class ids and versions on the
/// wire (all ranks run one program). `serialize` is told the current class version in both directions.
/// The same value always gives the same bytes. Thread safety: none; one owner at a time.
class OutArchive {
 public:
  using is_saving = boost::mpl::true_;
  using is_loading = boost::mpl::false_;

  /// Appends to the buffer, which must outlive the archive.
  explicit OutArchive(ByteBuffer& buffer) : buffer_{buffer} {}

  template <class T>
  OutArchive& operator<<(const T& value) {
    detail::write(*this, value);
    return *this;
  }
  template <class T>
  OutArchive& operator&(const T& value) {
    return *this << value;
  }

  void save_binary(const void* data, std::size_t size) { buffer_.append({static_cast<const std::byte*>(data), size}); }
  template <class T>
  void register_type(const T* = nullptr) {}
  [[nodiscard]] boost::serialization::library_version_type get_library_version() const { return detail::newest_layout; }

  [[nodiscard]] ByteBuffer& buffer() noexcept { return buffer_; }

 private:
  ByteBuffer& buffer_;
};

/// Reads what OutArchive wrote: a loading archive of Boost.Serialization. Damaged input throws crema::Error, and no
/// length in it makes memory be allocated that is out of proportion to the input. Thread safety: none; one owner at a
/// time.
class InArchive {
 public:
  using is_saving = boost::mpl::false_;
  using is_loading = boost::mpl::true_;

  /// Goes on where the reader stands; the reader must outlive the archive.
  explicit InArchive(ByteReader& reader) : reader_{reader} {}

  /// Takes variables and, as temporaries too, Boost's wrappers (make_nvp, make_array, make_binary_object).
  template <class T>
  InArchive& operator>>(T&& item) {
    using Item = std::remove_cvref_t<T>;
    if constexpr (boost::serialization::is_wrapper<Item>::type::value) {
      detail::read(*this, const_cast<Item&>(item));
    } else {
      static_assert(std::is_lvalue_reference_v<T>, "crema: reading into a temporary: name a variable or a member");
      detail::read(*this, item);
    }
    return *this;
  }
  template <class T>
  InArchive& operator&(T&& item) {
    return *this >> std::forward<T>(item);
  }

  void load_binary(void* data, std::size_t size) { reader_.copy_to(data, size); }
  template <class T>
  void register_type(const T* = nullptr) {}
  [[nodiscard]] boost::serialization::library_version_type get_library_version() const { return detail::newest_layout; }
  /// Nothing is tracked, so a moved element is of no interest.
  void reset_object_address(const void*, const void*) noexcept {}

  [[nodiscard]] ByteReader& reader() noexcept { return reader_; }

 private:
  ByteReader& reader_;
};

}  // namespace crema
