#pragma once

// Codecs of the standard library's strings, vectors and arrays.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "crema/codec_values.hpp"

namespace crema::detail {

/// Types whose bytes in memory are their encoding, without padding and with every bit pattern allowed: runs of them are
/// copied in one go.
template <class T>
inline constexpr bool is_bulk = std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, long double>;
template <class T>
requires std::is_enum_v<T>
inline constexpr bool is_bulk<T> = is_bulk<std::underlying_type_t<T>>;
template <class T>
inline constexpr bool is_bulk<std::complex<T>> = std::is_floating_point_v<T>&& is_bulk<T>;
template <class Number, class Period>
inline constexpr bool is_bulk<std::chrono::duration<Number, Period>> = is_bulk<Number>;
template <class Clock, class Duration>
inline constexpr bool is_bulk<std::chrono::time_point<Clock, Duration>> = is_bulk<Duration>;
template <class Tag, class Number>
inline constexpr bool is_bulk<Id<Tag, Number>> = is_bulk<Number>;
template <class T, std::size_t size>
inline constexpr bool is_bulk<T[size]> = is_bulk<T>;
template <class T, std::size_t size>
inline constexpr bool is_bulk<std::array<T, size>> = size != 0 && is_bulk<T>;

inline void write_count(OutArchive& archive, std::size_t count) { archive.buffer().put<std::uint64_t>(count); }
/// The count of elements that take at least `element_bytes` each.
inline std::size_t read_count(InArchive& archive, std::size_t element_bytes = 1) {
  const auto count = archive.reader().get<std::uint64_t>();
  if (count > archive.reader().remaining() / element_bytes) throw_bad_count(count, archive.reader().remaining());
  return count;
}

template <class T>
void write_elements(OutArchive& archive, const T* first, std::size_t count) {
  if constexpr (is_bulk<T>) {
    archive.buffer().append(std::as_bytes(std::span{first, count}));
  } else {
    for (std::size_t i = 0; i < count; ++i) archive << first[i];
  }
}
template <class T>
void read_elements(InArchive& archive, T* first, std::size_t count) {
  if constexpr (is_bulk<T>) {
    archive.load_binary(first, count * sizeof(T));
  } else {
    for (std::size_t i = 0; i < count; ++i) archive >> first[i];
  }
}

/// Replaces the content of a vector or string of bulk elements.
template <class Container>
void read_bulk(InArchive& archive, Container& value) {
  using T = typename Container::value_type;
  const std::size_t count = read_count(archive, sizeof(T));
  const std::byte* source = archive.reader().take_if_whole(count * sizeof(T));
  if (source != nullptr && reinterpret_cast<std::uintptr_t>(source) % alignof(T) == 0) {
    const auto* elements = reinterpret_cast<const T*>(source);
    value.assign(elements, elements + count);
  } else {
    // There is no way to grow a vector by unaligned elements without clearing them first.
    value.resize(count);
    if (source == nullptr) {
      archive.reader().copy_to(value.data(), count * sizeof(T));
    } else if (count != 0) {
      std::memcpy(value.data(), source, count * sizeof(T));
    }
  }
}

template <class Char, class Traits, class Allocator>
struct Codec<std::basic_string<Char, Traits, Allocator>> {
  using String = std::basic_string<Char, Traits, Allocator>;
  static constexpr bool serializable = is_bulk<Char>;
  static void write(OutArchive& archive, const String& value) {
    write_count(archive, value.size());
    write_elements(archive, value.data(), value.size());
  }
  static void read(InArchive& archive, String& value) {
    if constexpr (std::is_same_v<String, std::string>) {
      if (read_short(archive.reader(), value)) return;
    }
    read_bulk(archive, value);
  }

 private:
  /// A text that a std::string holds in itself, where as many bytes as it can hold are there: to copy them all and to
  /// cut takes no branch on a size that differs from text to text.
  static bool read_short(ByteReader& reader, std::string& value) {
    const std::size_t most = std::string{}.capacity();
    const std::byte* bytes = reader.peek(sizeof(std::uint64_t) + most);
    if (bytes == nullptr) return false;
    std::uint64_t size{};
    std::memcpy(&size, bytes, sizeof size);
    if (size > most) return false;
    reader.take(sizeof size + size);
    value.assign(reinterpret_cast<const char*>(bytes) + sizeof size, most);
    value.resize(size);
    return true;
  }
};

template <class T, class Allocator>
struct Codec<std::vector<T, Allocator>> {
  using Vector = std::vector<T, Allocator>;
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const Vector& value) {
    write_count(archive, value.size());
    write_elements(archive, value.data(), value.size());
  }
  static void read(InArchive& archive, Vector& value) {
    if constexpr (is_bulk<T>) {
      read_bulk(archive, value);
    } else if constexpr (checked_default_constructible<T>()) {
      const std::size_t count = read_count(archive);
      value.clear();
      // Damaged input may claim one element a byte: no more is reserved than honest elements are likely to need.
      constexpr std::size_t reserved_bytes_per_input_byte = 8;
      value.reserve(std::min(count, reserved_bytes_per_input_byte * archive.reader().remaining() / sizeof(T) + 1));
      for (std::size_t i = 0; i < count; ++i) archive >> value.emplace_back();
    }
  }
};

/// Eight elements a byte, the first in the lowest bit.
template <class Allocator>
struct Codec<std::vector<bool, Allocator>> {
  using Vector = std::vector<bool, Allocator>;
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const Vector& value) {
    write_count(archive, value.size());
    std::byte* bits = archive.buffer().extend(value.size() / 8 + (value.size() % 8 != 0));
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i % 8 == 0) bits[i / 8] = std::byte{0};
      if (value[i]) bits[i / 8] |= std::byte{1} << (i % 8);
    }
  }
  static void read(InArchive& archive, Vector& value) {
    const auto count = archive.reader().get<std::uint64_t>();
    const std::byte* bits = archive.reader().take(count / 8 + (count % 8 != 0));
    value.resize(count);
    for (std::size_t i = 0; i < count; ++i) value[i] = (bits[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
  }
};

template <class T, std::size_t size>
struct Codec<std::array<T, size>> {
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const std::array<T, size>& value) {
    if constexpr (size == 0) write_nothing(archive);
    write_elements(archive, value.data(), size);
  }
  static void read(InArchive& archive, std::array<T, size>& value) {
    if constexpr (size == 0) read_nothing(archive);
    read_elements(archive, value.data(), size);
  }
};

template <class T, std::size_t size>
struct Codec<T[size]> {
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const T (&value)[size]) { write_elements(archive, value, size); }
  static void read(InArchive& archive, T (&value)[size]) { read_elements(archive, value, size); }
};

}  // namespace crema::detail
