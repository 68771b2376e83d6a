#include "crema/cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <locale>
#include <sstream>
#include <system_error>

namespace crema::detail {
namespace {

/// std::from_chars takes no plus sign, which Fortran and spreadsheets write.
std::string_view without_plus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

template <class Number>
std::errc read_whole(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop != end ? std::errc::invalid_argument : error;
}

/// std::from_chars calls too large and too small by one name; a stream tells them apart, in the C locale whatever the
/// program's is.
template <class Number>
bool read_tiny(std::string_view text, Number& value) {
  std::istringstream stream{std::string{text}};
  stream.imbue(std::locale::classic());
  Number number{};
  if (!(stream >> number) || stream.peek() != std::istringstream::traits_type::eof()) return false;
  value = number;
  return true;
}

template <class Number>
bool read_number(std::string_view text, Number& value) {
  text = without_plus(trim_blanks(text));
  Number number{};
  const std::errc error = read_whole(text, number);
  if (error == std::errc::result_out_of_range) return read_tiny(text, value);
  if (error == std::errc{}) value = number;
  return error == std::errc{};
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; });
}

/// Reads fixed-width digits and single characters off the front of a text.
class Digits {
 public:
  explicit Digits(std::string_view text) : rest_{text} {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  bool skip(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Exactly `width` digits whose number is at most `highest`.
  bool read(std::size_t width, int highest, int& value) {
    if (rest_.size() < width) return false;
    int number = 0;
    for (const char digit : rest_.substr(0, width)) {
      if (digit < '0' || digit > '9') return false;
      number = number * 10 + (digit - '0');
    }
    rest_.remove_prefix(width);
    value = number;
    return number <= highest;
  }
  /// Digits behind a decimal point, as nanoseconds; those beyond the ninth are dropped.
  bool read_fraction(std::chrono::nanoseconds& value) {
    std::int64_t unit = 1'000'000'000;
    std::size_t width = 0;
    for (; width < rest_.size() && rest_[width] >= '0' && rest_[width] <= '9'; ++width) {
      unit /= 10;
      value += std::chrono::nanoseconds{(rest_[width] - '0') * unit};
    }
    rest_.remove_prefix(width);
    return width > 0;
  }

 private:
  std::string_view rest_;
};

bool read_clock(Digits& text, std::chrono::nanoseconds& value) {
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  if (!text.read(2, 23, hours) || !text.skip(':') || !text.read(2, 59, minutes)) return false;
  std::chrono::nanoseconds fraction{};
  if (text.skip(':')) {
    if (!text.read(2, 59, seconds)) return false;
    if (text.skip('.') && !text.read_fraction(fraction)) return false;
  }
  value = std::chrono::hours{hours} + std::chrono::minutes{minutes} + std::chrono::seconds{seconds} + fraction;
  return true;
}

bool read_offset(Digits& text, std::chrono::minutes& value) {
  if (text.done() || text.skip('Z')) return true;
  const bool east = text.skip('+');
  if (!east && !text.skip('-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!text.read(2, 23, hours)) return false;
  text.skip(':');
  if (!text.done() && !text.read(2, 59, minutes)) return false;
  value = std::chrono::hours{hours} + std::chrono::minutes{minutes};
  if (!east) value = -value;
  return true;
}

}  // namespace

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool parse_integer(std::string_view text, std::int64_t lowest, std::int64_t highest, std::int64_t& value) {
  std::int64_t number = 0;
  if (read_whole(without_plus(trim_blanks(text)), number) != std::errc{} || number < lowest || number > highest)
    return false;
  value = number;
  return true;
}

bool parse_unsigned(std::string_view text, std::uint64_t highest, std::uint64_t& value) {
  std::uint64_t number = 0;
  if (read_whole(without_plus(trim_blanks(text)), number) != std::errc{} || number > highest) return false;
  value = number;
  return true;
}

bool parse_number(std::string_view text, float& value) { return read_number(text, value); }
bool parse_number(std::string_view text, double& value) { return read_number(text, value); }
bool parse_number(std::string_view text, long double& value) { return read_number(text, value); }

bool parse_boolean(std::string_view text, bool& value) {
  text = trim_blanks(text);
  const bool yes = text == "1" || equals_ignoring_case(text, "true");
  if (!yes && text != "0" && !equals_ignoring_case(text, "false")) return false;
  value = yes;
  return true;
}

bool parse_time(std::string_view text, CalendarTime& value) {
  Digits digits{trim_blanks(text)};
  int year = 0;
  int month = 0;
  int day = 0;
  if (!digits.read(4, 9999, year) || !digits.skip('-') || !digits.read(2, 12, month) || !digits.skip('-') ||
      !digits.read(2, 31, day)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return false;
  std::chrono::nanoseconds clock{};
  std::chrono::minutes offset{};
  if (digits.skip('T') || digits.skip(' ')) {
    if (!read_clock(digits, clock) || !read_offset(digits, offset)) return false;
  }
  if (!digits.done()) return false;
  clock -= offset;
  const auto days = std::chrono::floor<std::chrono::days>(clock);
  value = {.day = std::chrono::sys_days{date} + days, .since_midnight = clock - days};
  return true;
}

std::string describe_integer(std::int64_t lowest, std::uint64_t highest) {
  return fmt::format("an integer from {} to {}", lowest, highest);
}

std::string describe_number(long double highest) { return fmt::format("a number (at most {:.6g})", highest); }

}  // namespace crema::detail
