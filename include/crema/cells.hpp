#pragma once

// The text of one cell turned into a value: what CSV and other formats made of text share.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "crema/schema.hpp"

namespace crema::detail {

/// Without the spaces and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

// All of these ignore blanks around the value and return false, with `value` unchanged, where the text is no such value
// or does not fit. Numbers are read the same in every locale.
bool parse_integer(std::string_view text, std::int64_t lowest, std::int64_t highest, std::int64_t& value);
bool parse_unsigned(std::string_view text, std::uint64_t highest, std::uint64_t& value);
/// What is too small to represent becomes zero or the nearest small number; what is too large does not fit.
bool parse_number(std::string_view text, float& value);
bool parse_number(std::string_view text, double& value);
bool parse_number(std::string_view text, long double& value);
/// "true", "false" in any case, "1", "0".
bool parse_boolean(std::string_view text, bool& value);

struct CalendarTime {
  std::chrono::sys_days day{};
  std::chrono::nanoseconds since_midnight{};
};
/// ISO 8601: "2012-01-31", or with a time "2012-01-31T08:15", ":30" and ".123456789" after it where wanted, and "Z" or
/// an offset like "+02:00" at the end; a space may stand for the T. No offset means UTC.
bool parse_time(std::string_view text, CalendarTime& value);

std::string describe_integer(std::int64_t lowest, std::uint64_t highest);
std::string describe_number(long double highest);

/// How one type of cell is read: `parse` from text, and `expected` for the error where that fails.
template <class T>
struct CellText {
  static_assert(
      !is_duration<T>,
      "crema: a duration has no unit in text: read a number and make the duration from it, or use a time point");
  static_assert(is_duration<T> || is_cell<T>,
                "crema: a cell of text can be read as a number, bool, enum, std::string, std::chrono time point or a "
                "std::optional of these");

  // Declared so that the sentence stays the only error.
  static bool parse(std::string_view text, T& value);
  static std::string expected();
};

template <std::integral T>
requires(!std::same_as<T, bool>) struct CellText<T> {
  using Limits = std::numeric_limits<T>;
  static bool parse(std::string_view text, T& value) {
    std::conditional_t<std::signed_integral<T>, std::int64_t, std::uint64_t> wide{};
    bool fits;
    if constexpr (std::signed_integral<T>) {
      fits = parse_integer(text, Limits::min(), Limits::max(), wide);
    } else {
      fits = parse_unsigned(text, Limits::max(), wide);
    }
    if (fits) value = static_cast<T>(wide);
    return fits;
  }
  static std::string expected() { return describe_integer(Limits::min(), Limits::max()); }
};

template <std::floating_point T>
struct CellText<T> {
  static bool parse(std::string_view text, T& value) { return parse_number(text, value); }
  static std::string expected() { return describe_number(std::numeric_limits<T>::max()); }
};

template <>
struct CellText<bool> {
  static bool parse(std::string_view text, bool& value) { return parse_boolean(text, value); }
  static std::string expected() { return "true, false, 1 or 0"; }
};

template <class T>
requires std::is_enum_v<T>
struct CellText<T> {
  static bool parse(std::string_view text, T& value) {
    std::underlying_type_t<T> number{};
    const bool fits = CellText<std::underlying_type_t<T>>::parse(text, number);
    if (fits) value = static_cast<T>(number);
    return fits;
  }
  static std::string expected() { return CellText<std::underlying_type_t<T>>::expected(); }
};

template <>
struct CellText<std::string> {
  static bool parse(std::string_view text, std::string& value) {
    value = text;
    return true;
  }
  static std::string expected() { return "text"; }
};

/// A time finer than the time point's unit is rounded down.
template <class D>
struct CellText<std::chrono::time_point<std::chrono::system_clock, D>> {
  using Time = std::chrono::time_point<std::chrono::system_clock, D>;
  static bool parse(std::string_view text, Time& value) {
    CalendarTime time;
    if (!parse_time(text, time)) return false;
    if constexpr (std::ratio_less_v<typename D::period, std::chrono::days::period>) {
      const bool fits = time.day > std::chrono::floor<std::chrono::days>(Time::min()) &&
                        time.day < std::chrono::floor<std::chrono::days>(Time::max());
      if (!fits) return false;
      value = Time{time.day} + std::chrono::floor<D>(time.since_midnight);
    } else {
      value = std::chrono::floor<D>(time.day);
    }
    return true;
  }
  static std::string expected() { return "a date or time like 2012-01-31 or 2012-01-31T08:15:30"; }
};

}  // namespace crema::detail
