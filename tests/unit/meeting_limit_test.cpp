#include "runtime/meeting_limit.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;

TEST(MeetingLimit, EndsAProcessThatWaitsForOthersInVain) {
  EXPECT_EXIT(
      {
        const MeetingLimit limit{1s};
        for (;;) pause();
      },
      testing::ExitedWithCode(1), "the ranks have not met .*; this rank ends");
}

TEST(MeetingLimit, ChangesNothingOnceTheRanksHaveMet) {
  EXPECT_EXIT(
      {
        std::signal(SIGALRM, [](int) { _exit(7); });
        { const MeetingLimit limit{60s}; }
        if (alarm(0) != 0) _exit(2);
        std::raise(SIGALRM);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace crema::runtime
