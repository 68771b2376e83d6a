#include "runtime/liveness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr RankId other{3};

/// A process that does nothing until end() or the test's end.
class Process {
 public:
  Process() : pid_{fork()} {
    if (pid_ != 0) return;
    while (true) pause();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(); }

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

class LivenessTest : public ::testing::Test {
 protected:
  std::optional<Liveness::Loss> look_after(Liveness::Clock::duration time) {
    const std::vector<Liveness::Loss> losses = liveness_.look(now_ += time);
    EXPECT_LE(losses.size(), 1U);
    return losses.empty() ? std::nullopt : std::optional{losses.front()};
  }
  /// Looks once a second; whether nothing was lost.
  bool quiet_for(int seconds) {
    for (int i = 0; i < seconds; ++i)
      if (look_after(1s)) return false;
    return true;
  }

  /// One that has been heard of.
  void watch(RankId rank, std::int64_t pid = 0) {
    liveness_.watch(rank, pid);
    liveness_.heard_from(rank);
    EXPECT_TRUE(liveness_.look(now_).empty());
  }

  Liveness::Clock::time_point now_{1000s};
  Liveness liveness_{now_};
};

TEST_F(LivenessTest, ARankElsewhereIsLostAfterMoreThanThirtySecondsOfSilence) {
  watch(other);
  EXPECT_TRUE(quiet_for(30));
  const auto loss = look_after(1s);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->rank, other);
  EXPECT_EQ(loss->reason, "it has not been heard of for 30 seconds");
}

TEST_F(LivenessTest, ARankThatHasNotBeenHeardOfYetHasTenMinutes) {
  liveness_.watch(other, 0);
  EXPECT_TRUE(quiet_for(600));
  const auto loss = look_after(1s);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->reason, "it has not been heard of for 600 seconds");
}

TEST_F(LivenessTest, EachIsLostOnceAndSeveralMayBeAtATime) {
  watch(other);
  watch(RankId{2});
  EXPECT_TRUE(quiet_for(30));
  EXPECT_EQ(liveness_.look(now_ += 1s).size(), 2U);
  EXPECT_TRUE(quiet_for(40));
}

TEST_F(LivenessTest, ARankOfWhichMpiTellsIsLostOnce) {
  watch(other);
  watch(RankId{2});
  liveness_.failed(other);
  liveness_.failed(RankId{1});  // not watched
  const auto loss = look_after(1s);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->rank, other);
  EXPECT_EQ(loss->reason, "MPI tells that its process has failed");
  liveness_.failed(other);
  EXPECT_TRUE(quiet_for(20));
}

TEST_F(LivenessTest, AMessageEndsTheSilence) {
  watch(other);
  EXPECT_TRUE(quiet_for(30));
  liveness_.heard_from(other);
  EXPECT_TRUE(quiet_for(31));
  EXPECT_TRUE(look_after(1s));
}

TEST_F(LivenessTest, AMessageOfAnotherRankDoesNot) {
  watch(other);
  for (int i = 0; i < 30; ++i) {
    liveness_.heard_from(RankId{2});
    liveness_.heard_from(RankId{99});
    EXPECT_FALSE(look_after(1s));
  }
  EXPECT_TRUE(look_after(1s));
}

TEST_F(LivenessTest, APauseOfTheWatcherCountsAsTwoSecondsAtMost) {
  watch(other);
  EXPECT_FALSE(look_after(1h));
  EXPECT_TRUE(quiet_for(28));
  EXPECT_TRUE(look_after(1s));
}

TEST_F(LivenessTest, OnTheSameHostTheEndOfTheProcessIsSeenAtOnce) {
  Process process;
  const pid_t pid = process.pid();
  watch(other, pid);
  EXPECT_FALSE(look_after(1s));
  process.end();
  const auto loss = look_after(1s);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->rank, other);
  EXPECT_EQ(loss->reason, "its process " + std::to_string(pid) + " has ended");
}

TEST_F(LivenessTest, AProcessThatLivesButIsSilentIsLostAsWell) {
  watch(other, getpid());
  EXPECT_TRUE(quiet_for(30));
  const auto loss = look_after(1s);
  ASSERT_TRUE(loss);
  EXPECT_THAT(loss->reason, HasSubstr("not been heard of"));
}

TEST_F(LivenessTest, AProcessThatEndedBeforeItWasWatchedIsLostAtOnce) {
  Process process;
  const pid_t ended = process.pid();
  process.end();
  liveness_.watch(other, ended);
  EXPECT_TRUE(look_after(1s));
}

}  // namespace
}  // namespace crema::runtime
