#include "crema/key_numbers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace crema::dataset {
namespace {

/// Numbers of keys, many more than a table has slots at first, against those of a map.
template <class Key, class Make>
void expect_numbered(Make&& make) {
  KeyNumbers<std::tuple<Key>> numbers;
  std::map<Key, std::size_t> expected;
  std::mt19937_64 random{1};
  for (int i = 0; i < 20'000; ++i) {
    const Key key = make(random() % 5'000);
    const auto known = expected.find(key);
    EXPECT_EQ(numbers.find(std::tuple<const Key&>{key}),
              known == expected.end() ? std::nullopt : std::optional{known->second});
    const std::size_t number = expected.try_emplace(key, expected.size()).first->second;
    ASSERT_EQ(numbers.number(std::tuple<const Key&>{key}), number);
    EXPECT_EQ(numbers.size(), expected.size());
  }
  for (const auto& [key, number] : expected) EXPECT_EQ(numbers.number(std::tuple<Key>{key}), number);
}

TEST(KeyNumbers, IntegersOfEverySize) {
  expect_numbered<std::int64_t>([](std::uint64_t i) { return static_cast<std::int64_t>(i); });
  expect_numbered<std::int64_t>([](std::uint64_t i) { return 60'000 + static_cast<std::int64_t>(i) * 3; });
  expect_numbered<std::int64_t>([](std::uint64_t i) { return static_cast<std::int64_t>(i << 50U); });
  expect_numbered<std::int32_t>([](std::uint64_t i) { return 1000 - static_cast<std::int32_t>(i); });
  expect_numbered<std::uint64_t>([](std::uint64_t i) { return std::numeric_limits<std::uint64_t>::max() - i; });
  expect_numbered<std::int8_t>([](std::uint64_t i) { return static_cast<std::int8_t>(i); });
  expect_numbered<bool>([](std::uint64_t i) { return i % 2 == 0; });
}

TEST(KeyNumbers, TextsShortAndLong) {
  // Of every length around those at which two words hold them, with zero bytes, alike at both ends.
  expect_numbered<std::string>([](std::uint64_t i) {
    std::string text = std::to_string(i) + std::string(i % 40, '\0');
    return i % 2 == 0 ? text : std::string(i % 30, 'a') + text + std::string(20, 'z');
  });
  expect_numbered<std::string>([](std::uint64_t i) { return std::string(i % 100, '\0'); });
  // That differ in the second word alone, and behind both.
  expect_numbered<std::string>([](std::uint64_t i) { return "abc" + std::to_string(i); });
  expect_numbered<std::string>([](std::uint64_t i) { return "the same" + std::to_string(i); });
  expect_numbered<std::string>([](std::uint64_t i) { return "the same" + std::to_string(10'000'000 + i); });
  expect_numbered<std::string>([](std::uint64_t i) { return "the same and more" + std::to_string(i); });
}

TEST(KeyNumbers, SeveralPartsAndWhatIsNoNumber) {
  using Key = std::tuple<double, std::optional<std::string>, std::int32_t>;
  KeyNumbers<Key> numbers;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(numbers.number(Key{0.0, "a", 1}), 0U);
  EXPECT_EQ(numbers.number(Key{-0.0, "a", 1}), 0U);
  EXPECT_EQ(numbers.number(Key{nan, "a", 1}), 1U);
  EXPECT_EQ(numbers.number(Key{-nan, "a", 1}), 1U);
  EXPECT_EQ(numbers.number(Key{0.0, std::nullopt, 1}), 2U);
  EXPECT_EQ(numbers.number(Key{0.0, "", 1}), 3U);
  EXPECT_EQ(numbers.hash(Key{0.0, "a", 1}), numbers.hash(Key{-0.0, "a", 1}));
  EXPECT_EQ(numbers.hash(Key{nan, "a", 1}), numbers.hash(Key{-nan, "a", 1}));
  EXPECT_EQ(numbers.find(Key{0.0, "b", 1}), std::nullopt);
}

TEST(KeyNumbers, AViewHasTheHashOfItsKey) {
  KeyNumbers<std::tuple<std::string>> texts;
  KeyNumbers<std::tuple<double, std::int64_t>> pairs;
  const double half = 0.5;
  const std::int64_t seven = 7;
  for (const std::string& text : {std::string{}, std::string{"Latte"}, std::string(40, 'x')})
    EXPECT_EQ(texts.hash(std::tuple<const std::string&>{text}), texts.hash(std::tuple<std::string>{text}));
  EXPECT_EQ((pairs.hash(std::tuple<const double&, const std::int64_t&>{half, seven})),
            (pairs.hash(std::tuple<double, std::int64_t>{half, seven})));
}

TEST(KeyNumbers, NumbersBeyondDoubles) {
  KeyNumbers<std::tuple<long double>> numbers;
  std::size_t next = 0;
  for (const long double key : {1e4000L, 2e4000L, 1e-4000L, 2e-4000L, 0.0L, 1.0L, 1.0L + 1e-19L})
    EXPECT_EQ(numbers.number(std::tuple<long double>{key}), next++) << static_cast<double>(key);
  EXPECT_EQ(numbers.number(std::tuple<long double>{-0.0L}), 4U);
  const float third = 1.0F / 3;
  KeyNumbers<std::tuple<float>> floats;
  EXPECT_EQ(floats.number(std::tuple<float>{third}), 0U);
  EXPECT_EQ(floats.number(std::tuple<float>{std::nextafter(third, 1.0F)}), 1U);
}

}  // namespace
}  // namespace crema::dataset
