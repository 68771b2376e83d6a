#include "crema/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory_resource>

#include "archive_support.hpp"
#include "crema/errors.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using std::string;
using std::vector;
using testing::ElementsAre;

enum class Size : std::uint8_t { small = 1, large = 200 };
enum Roast { light, dark = 70'000 };
enum class Decaf : bool { no, yes };

TEST(Archive, ScalarsComeBackInTheirOwnWidth) {
  EXPECT_EQ(round_trip(true), true);
  EXPECT_EQ(round_trip('x'), 'x');
  EXPECT_EQ(round_trip(u'€'), u'€');
  EXPECT_EQ(round_trip(std::numeric_limits<std::int8_t>::min()), -128);
  EXPECT_EQ(round_trip(std::numeric_limits<std::uint64_t>::max()), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(round_trip(std::numeric_limits<double>::denorm_min()), std::numeric_limits<double>::denorm_min());
  EXPECT_TRUE(std::signbit(round_trip(-0.0)));
  EXPECT_TRUE(std::isnan(round_trip(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_EQ(round_trip(1.0L / 3), 1.0L / 3);
  EXPECT_EQ(round_trip(Size::large), Size::large);
  EXPECT_EQ(round_trip(dark), dark);
  EXPECT_EQ(round_trip(Decaf::yes), Decaf::yes);
  EXPECT_EQ(round_trip(std::byte{0xFE}), std::byte{0xFE});
  EXPECT_EQ(encoded(short{3}).size(), 2U);
  EXPECT_EQ(encoded(Size::small).size(), 1U);
}

TEST(Archive, StringsAndVectorsComeBackWithTheirLength) {
  EXPECT_EQ(round_trip(string{}), "");
  EXPECT_EQ(round_trip(string("a\0b", 3)), string("a\0b", 3));
  EXPECT_EQ(round_trip(std::u16string{u"crème"}), u"crème");
  EXPECT_EQ(round_trip(vector<int>{}), vector<int>{});
  EXPECT_THAT(round_trip(vector<int>{1, -2, 3}), ElementsAre(1, -2, 3));
  EXPECT_THAT(round_trip(vector<string>{"latte", "", "mocha"}), ElementsAre("latte", "", "mocha"));
  EXPECT_THAT(round_trip(vector<vector<string>>{{}, {"a", "b"}}),
              ElementsAre(vector<string>{}, vector<string>{"a", "b"}));
  EXPECT_THAT(round_trip(vector<Decaf>{Decaf::yes, Decaf::no}), ElementsAre(Decaf::yes, Decaf::no));
  EXPECT_THAT(round_trip(vector<long double>{0.1L, 2}), ElementsAre(0.1L, 2));
  const std::pmr::vector<double> in_an_arena{1, 2};
  EXPECT_EQ(round_trip(in_an_arena), in_an_arena);
}

TEST(Archive, TextsOfEverySizeComeBackWhateverIsBehindThem) {
  for (std::size_t size = 0; size < 40; ++size) {
    const string text(size, 'x');
    for (std::size_t behind = 0; behind < 40; ++behind) {
      ByteBuffer out;
      encode(out, text);
      for (std::size_t i = 0; i < behind; ++i) out.put('y');
      ByteReader in{Bytes{std::move(out)}};
      string read(20, 'z');
      decode(in, read);
      EXPECT_EQ(read, text) << behind;
      EXPECT_EQ(in.remaining(), behind);
    }
  }
}

TEST(Archive, VectorsOfBoolOfEveryLengthTakeABitAnElement) {
  for (std::size_t size = 0; size < 70; ++size) {
    vector<bool> bits(size);
    for (std::size_t i = 0; i < size; i += 3) bits[i] = true;
    EXPECT_EQ(round_trip(bits), bits);
    EXPECT_EQ(encoded(bits).size(), 8 + (size + 7) / 8);
  }
}

TEST(Archive, ArraysHaveNoLength) {
  EXPECT_EQ((round_trip(std::array<int, 3>{1, 2, 3})), (std::array<int, 3>{1, 2, 3}));
  EXPECT_EQ((round_trip(std::array<string, 2>{"a", "b"})), (std::array<string, 2>{"a", "b"}));
  EXPECT_EQ((round_trip(std::array<std::array<bool, 2>, 1>{{{true, false}}})),
            (std::array<std::array<bool, 2>, 1>{{{true, false}}}));
  EXPECT_EQ((round_trip(std::array<int, 0>{})), (std::array<int, 0>{}));

  const int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
  const Bytes bytes = encoded(matrix);
  EXPECT_EQ(bytes.size(), sizeof matrix);
  int copy[2][3] = {};
  ByteReader in{bytes};
  decode(in, copy);
  EXPECT_THAT(copy[1], ElementsAre(4, 5, 6));
}

TEST(Archive, MapsAndSetsComeBack) {
  EXPECT_EQ((round_trip(std::map<string, vector<int>>{{"a", {1}}, {"b", {}}})),
            (std::map<string, vector<int>>{{"a", {1}}, {"b", {}}}));
  EXPECT_EQ((round_trip(std::multimap<int, string>{{1, "x"}, {1, "a"}})),
            (std::multimap<int, string>{{1, "x"}, {1, "a"}}));
  EXPECT_EQ((round_trip(std::map<int, int, std::greater<>>{{1, 2}, {3, 4}})),
            (std::map<int, int, std::greater<>>{{1, 2}, {3, 4}}));
  EXPECT_EQ((round_trip(std::set<string>{"a", "b"})), (std::set<string>{"a", "b"}));
  EXPECT_EQ((round_trip(std::multiset<int>{2, 1, 2})), (std::multiset<int>{2, 1, 2}));
  EXPECT_EQ((round_trip(std::unordered_map<string, std::map<int, int>>{{"a", {{1, 2}}}, {"b", {}}})),
            (std::unordered_map<string, std::map<int, int>>{{"a", {{1, 2}}}, {"b", {}}}));
  EXPECT_EQ((round_trip(std::unordered_multimap<int, string>{{1, "x"}, {1, "a"}})),
            (std::unordered_multimap<int, string>{{1, "x"}, {1, "a"}}));
  EXPECT_EQ((round_trip(std::unordered_set<TaskId>{TaskId{5}, TaskId{7}})),
            (std::unordered_set<TaskId>{TaskId{5}, TaskId{7}}));
  EXPECT_EQ((round_trip(std::unordered_multiset<int>{2, 1, 2})), (std::unordered_multiset<int>{2, 1, 2}));
}

TEST(Archive, PairsTuplesOptionalsAndVariantsComeBack) {
  EXPECT_EQ((round_trip(std::pair<int, string>{1, "a"})), (std::pair<int, string>{1, "a"}));
  EXPECT_EQ((round_trip(std::tuple<char, double, vector<string>>{'a', 0.5, {"b"}})),
            (std::tuple<char, double, vector<string>>{'a', 0.5, {"b"}}));
  EXPECT_EQ(round_trip(std::tuple<>{}), std::tuple<>{});
  EXPECT_EQ(round_trip(std::optional<string>{}), std::nullopt);
  EXPECT_EQ(round_trip(std::optional<std::optional<int>>{std::optional<int>{}}),
            std::optional<std::optional<int>>{std::optional<int>{}});
  using Variant = std::variant<std::monostate, int, string, vector<bool>>;
  for (const Variant& value : {Variant{}, Variant{4}, Variant{"text"}, Variant{vector<bool>{true}}})
    EXPECT_EQ(round_trip(value), value);
  EXPECT_EQ((round_trip(std::variant<int, int>{std::in_place_index<1>, 7}).index()), 1U);
}

TEST(Archive, NumbersWithAMeaningComeBack) {
  EXPECT_EQ(round_trip(std::complex<double>{1, -2}), (std::complex<double>{1, -2}));
  EXPECT_EQ(round_trip(std::complex<long double>{1, -2}), (std::complex<long double>{1, -2}));
  EXPECT_EQ(round_trip(250ms), 250ms);
  EXPECT_EQ((round_trip(std::chrono::duration<double, std::ratio<60>>{0.5})), 30s);
  const auto now = std::chrono::system_clock::now();
  EXPECT_EQ(round_trip(now), now);
  EXPECT_EQ(round_trip(std::filesystem::path{"data/orders.csv"}), "data/orders.csv");
  EXPECT_EQ(round_trip(head_rank), head_rank);
  EXPECT_EQ(round_trip(vector{ActorId{1}, ActorId{2}}), (vector{ActorId{1}, ActorId{2}}));
}

TEST(Archive, BytesShareStorageWithTheInput) {
  ByteBuffer text;
  text.put_text("espresso");
  const Bytes value{std::move(text)};
  const Bytes input = encoded(value);
  ByteReader in{input};
  const auto copy = decode<Bytes>(in);
  EXPECT_EQ(copy.data(), input.data() + 8);
  EXPECT_TRUE(std::ranges::equal(copy.span(), value.span()));
}

TEST(Archive, DecodeReplacesWhatTheVariableHeld) {
  const auto replaced = [](auto old, const auto& value) {
    ByteReader in{encoded(value)};
    decode(in, old);
    return old == value;
  };
  EXPECT_TRUE(replaced(vector<string>{"old", "older"}, vector<string>{"new"}));
  EXPECT_TRUE(replaced(vector<bool>(20, true), vector<bool>(9, false)));
  EXPECT_TRUE(replaced(std::map<int, int>{{1, 1}}, std::map<int, int>{{2, 2}}));
  EXPECT_TRUE(replaced(std::unordered_set<int>{1}, std::unordered_set<int>{}));
  EXPECT_TRUE(replaced(std::optional<int>{3}, std::optional<int>{}));
  EXPECT_TRUE(replaced(string{"longer than the new one"}, string{"new"}));
}

TEST(Archive, RunsOfNumbersTakeTheirSizeInMemoryAtAnyAlignment) {
  using Point = std::array<double, 3>;
  static_assert(detail::is_bulk<Point> && detail::is_bulk<Size> && detail::is_bulk<std::complex<float>>);
  static_assert(!detail::is_bulk<bool> && !detail::is_bulk<long double> && !detail::is_bulk<std::pair<char, int>>);
  const vector<Point> points(100, Point{1, 2, 3});
  EXPECT_EQ(encoded(points).size(), 8 + 100 * sizeof(Point));
  EXPECT_EQ(encoded(vector<std::complex<float>>(10)).size(), 8 + 10 * 8U);
  for (std::size_t offset = 0; offset < 16; ++offset) {
    ByteBuffer out;
    out.append(vector<std::byte>(offset));
    encode(out, points);
    ByteReader in{Bytes{std::move(out)}};
    in.take(offset);
    EXPECT_EQ(decode<vector<Point>>(in), points);
  }
}

TEST(Archive, EqualValuesGiveEqualBytes) {
  std::unordered_map<string, std::unordered_set<int>> ascending, descending;
  descending.reserve(10'000);
  for (int i = 0; i < 100; ++i) {
    ascending[std::to_string(i)].insert({i, i + 1, i + 2});
    descending[std::to_string(99 - i)].insert({101 - i, 100 - i, 99 - i});
  }
  EXPECT_EQ(encoded_text(ascending), encoded_text(descending));

  // A long double of 10 significant bytes in storage that held something else.
  const auto third_over = [](int old) {
    alignas(long double) unsigned char storage[sizeof(long double)];
    std::memset(storage, old, sizeof storage);
    return encoded_text(*new (storage) long double{1.0L / 3});
  };
  EXPECT_EQ(third_over(0x00), third_over(0xFF));
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error{"no copy"}; }
  ThrowsWhenCopied& operator=(const ThrowsWhenCopied&) = default;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

TEST(Archive, AVariantThatLostItsValueIsAnError) {
  std::variant<int, ThrowsWhenCopied> value;
  const ThrowsWhenCopied original;
  EXPECT_THROW(value.emplace<1>(original), std::runtime_error);
  EXPECT_THROW(encoded(value), Error);
}

}  // namespace
}  // namespace crema
