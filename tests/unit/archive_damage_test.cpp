// What encode wrote, cut off or changed: the answer is a value or crema::Error, never anything else.
#include <gtest/gtest.h>

#include <random>

#include "archive_support.hpp"
#include "crema/errors.hpp"

namespace crema {
namespace {

struct Recipe {
  std::string name;
  std::vector<Recipe> steps;
  std::vector<double> grams;
  std::vector<bool> done;
  std::optional<std::pair<std::string, bool>> note;
  std::variant<std::monostate, std::int64_t, std::string, std::array<std::string, 2>> detail;
  std::map<std::string, std::tuple<char, float>> prices;
  std::unordered_map<std::int16_t, std::set<std::string>> tags;
  std::unordered_multiset<std::string> words;
  std::complex<double> phase;
  std::chrono::milliseconds time{};

  bool operator==(const Recipe&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& steps& grams& done& note& detail& prices& tags& words& phase& time;
  }
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_{seed} {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }
  std::string text() { return std::string(below(12), static_cast<char>('a' + below(26))); }
  double number() { return std::uniform_real_distribution{-1e9, 1e9}(random_); }

  Recipe recipe(int depth) {
    Recipe recipe;
    recipe.name = text();
    if (depth > 0) {
      for (std::size_t i = below(3); i > 0; --i) recipe.steps.push_back(this->recipe(depth - 1));
    }
    for (std::size_t i = below(5); i > 0; --i) recipe.grams.push_back(number());
    for (std::size_t i = below(20); i > 0; --i) recipe.done.push_back(below(2) == 0);
    if (below(2) == 0) recipe.note = {text(), below(2) == 0};
    switch (below(4)) {
      case 0:
        recipe.detail = static_cast<std::int64_t>(below(1U << 31));
        break;
      case 1:
        recipe.detail = text();
        break;
      case 2:
        recipe.detail = std::array{text(), text()};
        break;
      default:
        break;
    }
    for (std::size_t i = below(4); i > 0; --i) recipe.prices[text()] = {'$', static_cast<float>(number())};
    for (std::size_t i = below(4); i > 0; --i) recipe.tags[static_cast<std::int16_t>(below(99))].insert(text());
    for (std::size_t i = below(4); i > 0; --i) recipe.words.insert(text());
    recipe.phase = {number(), number()};
    recipe.time = std::chrono::milliseconds{below(1'000'000)};
    return recipe;
  }

 private:
  std::mt19937 random_;
};

/// Whether the bytes could be read. Any other exception than crema::Error fails the test that called.
template <class T>
bool readable(Bytes bytes) {
  ByteReader in{std::move(bytes)};
  try {
    static_cast<void>(decode<T>(in));
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(ArchiveDamage, RandomNestedValuesComeBack) {
  Generator generate{1};
  for (int i = 0; i < 100'000; ++i) {
    const Recipe recipe = generate.recipe(2);
    const Recipe copy = round_trip(recipe);
    ASSERT_EQ(copy, recipe) << "value " << i;
    ASSERT_EQ(encoded_text(copy), encoded_text(recipe)) << "value " << i;
  }
}

TEST(ArchiveDamage, EveryTruncationIsAnError) {
  Generator generate{2};
  for (int i = 0; i < 100; ++i) {
    const Bytes bytes = encoded(generate.recipe(2));
    ASSERT_TRUE(readable<Recipe>(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of its own, so that the address sanitizer sees a read past the end.
      ASSERT_FALSE(readable<Recipe>(Bytes::copy_of(bytes.span().first(size)))) << size << " of " << bytes.size();
    }
  }
}

TEST(ArchiveDamage, ChangedBytesAreAValueOrAnError) {
  Generator generate{3};
  int refused = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Bytes bytes = encoded(generate.recipe(2));
    for (int round = 0; round < 20; ++round) {
      ByteBuffer damaged;
      damaged.append(bytes.span());
      for (std::size_t flips = 1 + generate.below(3); flips > 0; --flips) {
        damaged.data()[generate.below(damaged.size())] = static_cast<std::byte>(generate.below(256));
      }
      refused += !readable<Recipe>(Bytes{std::move(damaged)});
    }
  }
  EXPECT_GT(refused, 10'000);
}

template <class T>
class AHugeCount : public testing::Test {};
using Containers =
    testing::Types<std::string, std::u32string, std::vector<char>, std::vector<double>, std::vector<bool>,
                   std::vector<std::string>, std::vector<std::array<std::string, 100>>, std::map<int, int>,
                   std::set<int>, std::unordered_map<int, int>, std::unordered_multiset<std::string>, Bytes,
                   std::filesystem::path>;
TYPED_TEST_SUITE(AHugeCount, Containers);

TYPED_TEST(AHugeCount, IsRefusedBeforeAnythingIsAllocated) {
  for (const std::uint64_t count :
       {std::uint64_t{1'000}, std::uint64_t{1} << 40, std::uint64_t{1} << 61, ~std::uint64_t{0}, ~std::uint64_t{6}}) {
    ByteBuffer out;
    out.put(count);
    out.append(std::vector<std::byte>(64));
    EXPECT_FALSE(readable<TypeParam>(Bytes{std::move(out)})) << count;
  }
}

TEST(ArchiveDamage, ABoolAFlagAndAnIndexAreChecked) {
  ByteBuffer out;
  out.put<std::uint32_t>(2);
  const Bytes two{std::move(out)};
  EXPECT_FALSE(readable<bool>(two));
  EXPECT_FALSE((readable<std::array<bool, 4>>(two)));
  EXPECT_FALSE(readable<std::optional<char>>(two));
  EXPECT_FALSE((readable<std::variant<char, char>>(two)));
}

TEST(ArchiveDamage, AKeyThatStandsTwiceIsAnError) {
  const std::vector<std::pair<int, int>> twice{{1, 2}, {1, 3}};
  EXPECT_FALSE((readable<std::map<int, int>>(encoded(twice))));
  EXPECT_FALSE((readable<std::unordered_map<int, int>>(encoded(twice))));
  EXPECT_TRUE((readable<std::multimap<int, int>>(encoded(twice))));
}

TEST(ArchiveDamage, TheErrorSaysWhatIsWrong) {
  ByteReader in{encoded(std::uint64_t{12})};
  try {
    static_cast<void>(decode<std::string>(in));
    FAIL() << "decoded a string of 12 characters from nothing";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "reading a message: 12 elements cannot be in the 0 bytes that are left; the message is damaged or the "
                 "ranks run different programs");
  }
}

}  // namespace
}  // namespace crema
