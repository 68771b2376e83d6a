#include "runtime/end_time.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "crema/errors.hpp"
#include "temporary_folder.hpp"

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

TEST(TimeLimit, HasSlurmsSyntax) {
  const std::pair<const char*, seconds> limits[]{
      {"10", 10min},       {"0:30", 30s},    {"90:00", 90min},         {"01:02:03", 1h + 2min + 3s},
      {"100:00:00", 100h}, {"2-3", 51h},     {"1-00:30", 24h + 30min}, {"1-02:03:04", 26h + 3min + 4s},
      {"0-0:0:5", 5s},     {"365-0", 8760h}, {"999999:0", 999'999min}, {"0:90", 90s},
  };
  for (const auto& [text, limit] : limits) EXPECT_EQ(parse_time_limit(text), limit) << text;
}

TEST(TimeLimit, RefusesEverythingElse) {
  for (const char* text :
       {"",          "0",  "0:0", "soon", "1:", ":1",        "1:2:3:4", "1-",       "-1",       "1-2-3",
        "1-2:3:4:5", "5s", " 5",  "1.5",  "+5", "UNLIMITED", "INVALID", "12345678", "999999-0", "1 - 2"})
    EXPECT_THROW(parse_time_limit(text), UsageError) << text;
}

TEST(StopTimes, LeaveAMinuteOrATwentiethButStartNeverBeforeHalf) {
  const StopTimes::Clock::time_point now{};
  const auto times = [&](seconds left) {
    const StopTimes stop = stop_times(now, left);
    return std::pair{stop.begin - now, stop.tasks_until - now};
  };
  EXPECT_EQ(times(10min), std::pair(9min + 0ns, 9min + 45s + 0ns));
  EXPECT_EQ(times(100h), std::pair(95h + 0ns, 98h + 45min + 0ns));
  EXPECT_EQ(times(60s), std::pair(30s + 0ns, 52'500ms + 0ns));
  EXPECT_EQ(times(4s), std::pair(2s + 0ns, 3'500ms + 0ns));
}

class SlurmTimeLeft : public ::testing::Test {
 protected:
  SlurmTimeLeft() {
    ::setenv("PATH", (folder_.path().string() + ":" + path_).c_str(), 1);
    ::setenv("SLURM_JOB_ID", "17", 1);
    ::unsetenv("SLURM_JOB_END_TIME");
  }
  ~SlurmTimeLeft() override {
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("SLURM_JOB_ID");
    ::unsetenv("SLURM_JOB_END_TIME");
  }
  void squeue(const std::string& text) const {
    const std::filesystem::path file = folder_.path() / "squeue";
    std::ofstream{file} << "#!/bin/sh\n" << text << '\n';
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }

 private:
  const testing::TemporaryFolder folder_;
  const std::string path_ = std::getenv("PATH");
};

TEST_F(SlurmTimeLeft, IsWhatSqueueSays) {
  squeue("echo \"$*\" | grep -q -- '--jobs 17 --format %L' && echo '     1-02:03:04'");
  EXPECT_EQ(slurm_time_left(), 26h + 3min + 4s);
  squeue("echo 1:30");
  EXPECT_EQ(slurm_time_left(), 90s);
}

TEST_F(SlurmTimeLeft, IsNothingWhereThereIsNoLimitOrNoAnswer) {
  for (const char* text : {"echo UNLIMITED", "echo INVALID", "echo 5:00; exit 1", "kill -9 $$", "exec >&-; exit 0"}) {
    squeue(text);
    EXPECT_EQ(slurm_time_left(), std::nullopt) << text;
  }
  ::unsetenv("SLURM_JOB_ID");
  squeue("echo 5:00");
  EXPECT_EQ(slurm_time_left(), std::nullopt);
}

TEST_F(SlurmTimeLeft, DoesNotWaitForASqueueThatHangs) {
  squeue("echo 5; exec sleep 100");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(slurm_time_left(), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
}

TEST_F(SlurmTimeLeft, IsToldByTheEnvironmentWhereSlurmDoesSo) {
  squeue("echo 5:00");
  ::setenv("SLURM_JOB_END_TIME", std::to_string(std::time(nullptr) + 1000).c_str(), 1);
  const auto left = slurm_time_left();
  ASSERT_TRUE(left);
  EXPECT_GT(*left, 900s);
  EXPECT_LE(*left, 1000s);
}

}  // namespace
}  // namespace crema::runtime
