#include "crema/cells.hpp"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <optional>

namespace crema::detail {
namespace {

template <class T>
std::optional<T> read(std::string_view text) {
  T value{};
  if (!CellText<T>::parse(text, value)) return std::nullopt;
  return value;
}

TEST(Cells, IntegersFillTheirTypeAndNoMore) {
  EXPECT_EQ(read<std::int8_t>("-128"), -128);
  EXPECT_EQ(read<std::int8_t>("128"), std::nullopt);
  EXPECT_EQ(read<std::uint8_t>("255"), 255);
  EXPECT_EQ(read<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(read<unsigned>("-1"), std::nullopt);
  EXPECT_EQ(read<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(read<std::int64_t>("9223372036854775808"), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read<std::uint64_t>("18446744073709551616"), std::nullopt);
}

TEST(Cells, BlanksAndAPlusSignAreNoErrors) {
  EXPECT_EQ(read<int>(" 7\t"), 7);
  EXPECT_EQ(read<int>("+7"), 7);
  EXPECT_EQ(read<double>(" +1.5E+00 "), 1.5);
  EXPECT_EQ(read<bool>(" TRUE "), true);
}

TEST(Cells, OnlyAWholeCellIsANumber) {
  for (const char* text : {"", " ", "+", "-", "+-1", "++1", "1 2", "12x", "x", "1.0", "0x10", "1,5"}) {
    EXPECT_EQ(read<int>(text), std::nullopt) << text;
  }
  for (const char* text : {"", ".", "1.5.2", "1.5x", "1e", "nanny", "$4.50", "1,5", "0x1p3"}) {
    EXPECT_EQ(read<double>(text), std::nullopt) << text;
  }
}

TEST(Cells, NumbersOutOfRangeAreErrorsAndTinyOnesAreNot) {
  EXPECT_EQ(read<double>("1e308"), 1e308);
  EXPECT_EQ(read<double>("1e309"), std::nullopt);
  EXPECT_EQ(read<double>("-1e999"), std::nullopt);
  EXPECT_EQ(read<double>("1e-400"), 0.0);
  EXPECT_EQ(read<double>("-1e-400"), 0.0);
  EXPECT_EQ(read<double>("5e-324"), 5e-324);
  EXPECT_EQ(read<float>("1e39"), std::nullopt);
  EXPECT_EQ(read<float>("1e-60"), 0.0F);
  EXPECT_EQ(read<long double>("1e400"), 1e400L);
  EXPECT_EQ(read<long double>("1e5000"), std::nullopt);
  EXPECT_EQ(read<double>("inf"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(read<double>("NaN").value()));
}

TEST(Cells, TheLocaleOfTheProgramDoesNotMatter) {
  const char* const previous = std::setlocale(LC_NUMERIC, nullptr);
  const std::string restore = previous;
  const bool comma = std::setlocale(LC_NUMERIC, "de_DE.UTF-8") != nullptr;
  EXPECT_EQ(read<double>("2.5"), 2.5) << (comma ? "with a decimal comma" : "no locale with a decimal comma here");
  EXPECT_EQ(read<double>("0.1e-400"), 0.0);
  std::setlocale(LC_NUMERIC, restore.c_str());
}

TEST(Cells, Booleans) {
  for (const char* text : {"true", "True", "TRUE", "1"}) EXPECT_EQ(read<bool>(text), true) << text;
  for (const char* text : {"false", "fAlse", "0"}) EXPECT_EQ(read<bool>(text), false) << text;
  for (const char* text : {"", "yes", "2", "truee", "tru", "t"}) EXPECT_EQ(read<bool>(text), std::nullopt) << text;
}

TEST(Cells, EnumsAreReadByTheirNumber) {
  enum class Size : std::uint8_t { small = 1, large = 2 };
  EXPECT_EQ(read<Size>("2"), Size::large);
  EXPECT_EQ(read<Size>("256"), std::nullopt);
  EXPECT_EQ(read<Size>("large"), std::nullopt);
}

TEST(Cells, TextIsTakenAsItIs) { EXPECT_EQ(read<std::string>(" Flat White "), " Flat White "); }

TEST(Cells, DatesAndTimes) {
  using namespace std::chrono;
  const sys_days day = 2012y / January / 31;
  EXPECT_EQ(read<sys_days>("2012-01-31"), day);
  EXPECT_EQ(read<sys_days>("2012-02-29"), sys_days{2012y / February / 29});
  EXPECT_EQ(read<sys_seconds>("2012-01-31T08:15:30"), day + 8h + 15min + 30s);
  EXPECT_EQ(read<sys_seconds>("2012-01-31 08:15Z"), day + 8h + 15min);
  EXPECT_EQ(read<sys_seconds>("2012-01-31T00:30+02:00"), day - 1h - 30min);
  EXPECT_EQ(read<sys_seconds>("2012-01-31T23:30-0130"), day + 25h);
  EXPECT_EQ(read<system_clock::time_point>("2012-01-31T00:00:00.25"), day + 250ms);
  EXPECT_EQ(read<system_clock::time_point>("2012-01-31T00:00:00.1234567899"), day + 123456789ns);
  EXPECT_EQ(read<sys_days>("2012-01-31T23:59"), day);
  EXPECT_EQ(read<sys_days>("9999-12-31"), sys_days{9999y / December / 31});
  EXPECT_EQ(read<system_clock::time_point>("9999-12-31"), std::nullopt) << "does not fit nanoseconds in 64 bits";
  for (const char* text : {"", "2012", "2012-13-01", "2013-02-29", "2012-01-31T", "2012-01-31T24:00",
                           "2012-01-31T08:60", "2012-01-31T08:15:", "2012-01-31T08:15:30.", "2012-01-31x", "31.01.2012",
                           "2012-1-31", "2012-01-31T08:15+", "2012-01-31T08:15Zx", "2012-01-00"}) {
    EXPECT_EQ(read<sys_seconds>(text), std::nullopt) << text;
  }
}

TEST(Cells, ExpectationsSayWhatFits) {
  EXPECT_EQ(CellText<std::int8_t>::expected(), "an integer from -128 to 127");
  EXPECT_EQ(CellText<std::uint64_t>::expected(), "an integer from 0 to 18446744073709551615");
  EXPECT_EQ(CellText<double>::expected(), "a number (at most 1.79769e+308)");
  EXPECT_EQ(CellText<float>::expected(), "a number (at most 3.40282e+38)");
  EXPECT_EQ(CellText<bool>::expected(), "true, false, 1 or 0");
}

}  // namespace
}  // namespace crema::detail
