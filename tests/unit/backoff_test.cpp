#include "common/backoff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace crema {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;

std::vector<long> pauses(Backoff& backoff, int count) {
  std::vector<long> microseconds;
  for (int i = 0; i < count; ++i) microseconds.push_back(backoff.next().count());
  return microseconds;
}

TEST(Backoff, SleepsTwiceAsLongEachTimeUpToAMillisecond) {
  Backoff backoff{0us};
  EXPECT_THAT(pauses(backoff, 9), ElementsAre(25, 50, 100, 200, 400, 800, 1000, 1000, 1000));
}

TEST(Backoff, StartsAnewAfterSomethingWasDone) {
  Backoff backoff{0us};
  EXPECT_THAT(pauses(backoff, 3), ElementsAre(25, 50, 100));
  backoff.reset();
  EXPECT_THAT(pauses(backoff, 2), ElementsAre(25, 50));
}

TEST(Backoff, DoesNotSleepWhileItSpins) {
  Backoff backoff{1h};
  EXPECT_THAT(pauses(backoff, 1000), Each(0));
}

TEST(Backoff, SpinsFromTheFirstIdleLookOn) {
  Backoff backoff{20ms};
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(backoff.next(), 0us) << "time before the first idle look does not count";
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(backoff.next(), 25us);
}

}  // namespace
}  // namespace crema
