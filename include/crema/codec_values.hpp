#pragma once

// Codecs of what is not a container: scalars, the vocabulary types of the standard library, Boost's wrappers, our ids.

#include <chrono>
#include <complex>
#include <filesystem>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "crema/codec.hpp"
#include "crema/ids.hpp"

namespace crema::detail {

[[noreturn]] void throw_valueless_variant();

/// Bytes of a long double that carry its value: x87's has 10 and 6 of padding.
inline constexpr std::size_t long_double_bytes =
    std::numeric_limits<long double>::digits == 64 ? 10 : sizeof(long double);

/// Every value takes at least one byte: this is the one of a value with nothing in it.
inline void write_nothing(OutArchive& archive) { archive.buffer().put(std::uint8_t{0}); }
inline void read_nothing(InArchive& archive) { archive.reader().take(1); }

/// One byte that must be 0 or 1.
inline bool read_flag(InArchive& archive, const char* type) {
  const auto flag = archive.reader().get<std::uint8_t>();
  if (flag > 1) throw_bad_value(type, flag);
  return flag == 1;
}

template <class T>
requires std::is_arithmetic_v<T>
struct Codec<T> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, T value) {
    if constexpr (std::is_same_v<T, long double>) {
      archive.save_binary(&value, long_double_bytes);
    } else {
      archive.buffer().put(value);
    }
  }
  static void read(InArchive& archive, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = read_flag(archive, "a bool");
    } else if constexpr (std::is_same_v<T, long double>) {
      archive.load_binary(&value, long_double_bytes);
    } else {
      value = archive.reader().get<T>();
    }
  }
};

template <class T>
requires std::is_enum_v<T>
struct Codec<T> {
  using Number = std::underlying_type_t<T>;
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, T value) { archive << static_cast<Number>(value); }
  static void read(InArchive& archive, T& value) {
    Number number{};
    archive >> number;
    value = static_cast<T>(number);
  }
};

template <class First, class Second>
struct Codec<std::pair<First, Second>> {
  static constexpr bool serializable = is_serializable<First> && is_serializable<Second>;
  static void write(OutArchive& archive, const std::pair<First, Second>& value) {
    archive << value.first << value.second;
  }
  static void read(InArchive& archive, std::pair<First, Second>& value) {
    // Boost's functions for maps read an element whose key is const already before they insert it.
    archive >> const_cast<std::remove_const_t<First>&>(value.first) >> value.second;
  }
};

template <class... Elements>
struct Codec<std::tuple<Elements...>> {
  static constexpr bool serializable = (is_serializable<Elements> && ...);
  static void write(OutArchive& archive, const std::tuple<Elements...>& value) {
    std::apply([&](const auto&... elements) { (static_cast<void>(archive << elements), ...); }, value);
  }
  static void read(InArchive& archive, std::tuple<Elements...>& value) {
    std::apply([&](auto&... elements) { (static_cast<void>(archive >> elements), ...); }, value);
  }
};
template <>
struct Codec<std::tuple<>> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, std::tuple<>) { write_nothing(archive); }
  static void read(InArchive& archive, std::tuple<>&) { read_nothing(archive); }
};

template <class T>
struct Codec<std::optional<T>> {
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const std::optional<T>& value) {
    archive << value.has_value();
    if (value) archive << *value;
  }
  static void read(InArchive& archive, std::optional<T>& value) {
    value.reset();
    if (!read_flag(archive, "the flag of a std::optional")) return;
    if constexpr (checked_default_constructible<T>()) archive >> value.emplace();
  }
};

template <>
struct Codec<std::monostate> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, std::monostate) { write_nothing(archive); }
  static void read(InArchive& archive, std::monostate&) { read_nothing(archive); }
};

template <class... Alternatives>
struct Codec<std::variant<Alternatives...>> {
  using Variant = std::variant<Alternatives...>;
  static constexpr bool serializable = (is_serializable<Alternatives> && ...);
  static void write(OutArchive& archive, const Variant& value) {
    if (value.valueless_by_exception()) throw_valueless_variant();
    archive << static_cast<std::uint32_t>(value.index());
    std::visit([&](const auto& alternative) { archive << alternative; }, value);
  }
  static void read(InArchive& archive, Variant& value) {
    const auto index = archive.reader().get<std::uint32_t>();
    if (index >= sizeof...(Alternatives)) throw_bad_value("the index of a std::variant", index);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(((I == index && read_alternative<I>(archive, value)) || ...));
    }
    (std::index_sequence_for<Alternatives...>{});
  }

 private:
  template <std::size_t I>
  static bool read_alternative(InArchive& archive, Variant& value) {
    if constexpr (checked_default_constructible<std::variant_alternative_t<I, Variant>>()) {
      archive >> value.template emplace<I>();
    }
    return true;
  }
};

template <class T>
struct Codec<std::complex<T>> {
  static constexpr bool serializable = is_serializable<T>;
  static void write(OutArchive& archive, const std::complex<T>& value) { archive << value.real() << value.imag(); }
  static void read(InArchive& archive, std::complex<T>& value) {
    T real{};
    T imaginary{};
    archive >> real >> imaginary;
    value = {real, imaginary};
  }
};

template <class Number, class Period>
struct Codec<std::chrono::duration<Number, Period>> {
  using Duration = std::chrono::duration<Number, Period>;
  static constexpr bool serializable = is_serializable<Number>;
  static void write(OutArchive& archive, const Duration& value) { archive << value.count(); }
  static void read(InArchive& archive, Duration& value) {
    Number count{};
    archive >> count;
    value = Duration{count};
  }
};

template <class Clock, class Duration>
struct Codec<std::chrono::time_point<Clock, Duration>> {
  using TimePoint = std::chrono::time_point<Clock, Duration>;
  static constexpr bool serializable = is_serializable<Duration>;
  static void write(OutArchive& archive, const TimePoint& value) { archive << value.time_since_epoch(); }
  static void read(InArchive& archive, TimePoint& value) {
    Duration since_epoch{};
    archive >> since_epoch;
    value = TimePoint{since_epoch};
  }
};

template <>
struct Codec<std::filesystem::path> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const std::filesystem::path& value) {
    archive.buffer().put_text(value.native());
  }
  static void read(InArchive& archive, std::filesystem::path& value) { value = archive.reader().get_text(); }
};

template <class Tag, class Number>
struct Codec<Id<Tag, Number>> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, Id<Tag, Number> value) { archive << value.number; }
  static void read(InArchive& archive, Id<Tag, Number>& value) { archive >> value.number; }
};

/// What is read shares storage with the input: Bytes::compact() lets go of it.
template <>
struct Codec<Bytes> {
  static constexpr bool serializable = true;
  static void write(OutArchive& archive, const Bytes& value) { archive.buffer().put_sized(value.span()); }
  static void read(InArchive& archive, Bytes& value) { value = archive.reader().get_sized(); }
};

}  // namespace crema::detail
