#include "common/backoff.hpp"

#include <gtest/gtest.h>

namespace crema {
namespace {

using namespace std::chrono_literals;

const Backoff::Clock::time_point start{};

TEST(Backoff, SleepsAnEighthOfTheIdleTimeUpToALimit) {
  Backoff backoff{0us};
  EXPECT_EQ(backoff.next(start), 0us);
  EXPECT_EQ(backoff.next(start + 80us), 10us);
  EXPECT_EQ(backoff.next(start + 4ms), 500us);
  EXPECT_EQ(backoff.next(start + 15ms), 1800us);
  EXPECT_EQ(backoff.next(start + 1h), 1800us);
}

TEST(Backoff, StartsAnewAfterSomethingWasDone) {
  Backoff backoff{0us};
  backoff.next(start);
  EXPECT_EQ(backoff.next(start + 1s), 1800us);
  backoff.reset();
  EXPECT_EQ(backoff.next(start + 2s), 0us);
  EXPECT_EQ(backoff.next(start + 2s + 80us), 10us);
}

TEST(Backoff, DoesNotSleepWhileItSpinsFromTheFirstIdleLookOn) {
  Backoff backoff{100us};
  EXPECT_EQ(backoff.next(start + 1h), 0us) << "time before the first idle look does not count";
  EXPECT_EQ(backoff.next(start + 1h + 99us), 0us);
  EXPECT_EQ(backoff.next(start + 1h + 160us), 20us);
}

}  // namespace
}  // namespace crema
