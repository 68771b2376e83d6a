#include "runtime/stop_signals.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace crema::runtime {
namespace {

TEST(StopSignals, AreKeptAndTheUrgentOneStays) {
  const StopSignals signals;
  EXPECT_EQ(StopSignals::caught(), 0);
  raise(SIGUSR1);
  EXPECT_EQ(StopSignals::caught(), SIGUSR1);
  raise(SIGTERM);
  EXPECT_EQ(StopSignals::caught(), SIGTERM);
  raise(SIGUSR1);
  EXPECT_EQ(StopSignals::caught(), SIGTERM);
  raise(SIGINT);
  EXPECT_EQ(StopSignals::caught(), SIGINT);
}

TEST(StopSignalsDeathTest, ASecondInterruptEndsTheProcess) {
  const auto interrupt_twice = [] {
    const StopSignals signals;
    raise(SIGINT);
    if (StopSignals::caught() != SIGINT) std::abort();
    raise(SIGINT);
  };
  EXPECT_EXIT(interrupt_twice(), ::testing::KilledBySignal(SIGINT), "");
}

TEST(StopSignalsDeathTest, AreWhatTheyWereAfterwards) {
  { const StopSignals signals; }
  EXPECT_EXIT(raise(SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(raise(SIGUSR1), ::testing::KilledBySignal(SIGUSR1), "");
}

}  // namespace
}  // namespace crema::runtime
