#include "crema/random.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace crema {
namespace {

static_assert(std::uniform_random_bit_generator<Random>);

// From the known-answer tests that its authors publish with it.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Random::philox({0, 0, 0, 0}, {0, 0}), (Random::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(Random::philox({ones, ones, ones, ones}, {ones, ones}),
            (Random::Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Random::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Random::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<std::uint64_t> numbers(Random random, int count) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < count; ++i) all.push_back(random());
  return all;
}

TEST(RandomStream, FollowsFromSeedTaskAndNumberAlone) {
  const TaskKey task{1, 2};
  const auto first = numbers(Random{7, task, 0}, 9);
  EXPECT_EQ(numbers(Random{7, task, 0}, 9), first);
  EXPECT_NE(numbers(Random{8, task, 0}, 9), first);
  EXPECT_NE(numbers(Random{7, {2, 1}, 0}, 9), first);
  EXPECT_NE(numbers(Random{7, task, 1}, 9), first);
  EXPECT_EQ(std::set<std::uint64_t>(first.begin(), first.end()).size(), 9U);
}

TEST(RandomStream, DiscardSkips) {
  const auto all = numbers(Random{7, {}, 0}, 40);
  for (std::uint64_t skipped = 0; skipped < 20; ++skipped) {
    for (std::uint64_t more = 0; more < 20; ++more) {
      Random random{7, {}, 0};
      random.discard(skipped);
      random.discard(more);
      EXPECT_EQ(random(), all[skipped + more]) << skipped << "+" << more;
    }
  }
}

TEST(RandomStream, UniformNumbersLieInTheUnitIntervalEvenly) {
  Random random{1, {}, 0};
  double sum = 0;
  int low = 0;
  constexpr int count = 100'000;
  for (int i = 0; i < count; ++i) {
    const double x = random.uniform();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
    low += x < 0.25 ? 1 : 0;
  }
  EXPECT_NEAR(sum / count, 0.5, 0.005);
  EXPECT_NEAR(static_cast<double>(low) / count, 0.25, 0.008);
}

}  // namespace
}  // namespace crema
