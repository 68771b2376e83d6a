#include "runtime/progress.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;

constexpr head::Head::Progress some{.submitted = 300, .finished = 120, .running = 4};

class ProgressTest : public ::testing::Test {
 protected:
  [[nodiscard]] Progress progress(ProgressStyle style) const { return {style, file_.get(), began_}; }
  /// What was written since the last call.
  std::string written() {
    const long end = std::ftell(file_.get());
    std::string text(static_cast<std::size_t>(end - read_), '\0');
    std::fseek(file_.get(), read_, SEEK_SET);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file_.get()), text.size());
    std::fseek(file_.get(), end, SEEK_SET);
    read_ = end;
    return text;
  }

  const Progress::Clock::time_point began_ = Progress::Clock::now();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{std::tmpfile(), std::fclose};
  long read_ = 0;
};

TEST(ProgressText, TellsDoneRateRunningAndTimeLeft) {
  EXPECT_EQ(Progress::describe(some, 2.007), "120/300 tasks (40 %), 59.8/s, 4 running, about 3 s left");
}

TEST(ProgressText, LeavesOutTheTimeLeftWhereThereIsNone) {
  EXPECT_EQ(Progress::describe({.submitted = 0, .finished = 0, .running = 0}, 1), "0/0 tasks (0 %), 0/s, 0 running");
  EXPECT_EQ(Progress::describe({.submitted = 8, .finished = 0, .running = 4}, 1), "0/8 tasks (0 %), 0/s, 4 running");
  EXPECT_EQ(Progress::describe({.submitted = 8, .finished = 8, .running = 0}, 2), "8/8 tasks (100 %), 4/s, 0 running");
}

TEST_F(ProgressTest, NothingIsShownInTheFirstSecond) {
  for (const ProgressStyle style : {ProgressStyle::bar, ProgressStyle::plain}) {
    Progress shown = progress(style);
    for (auto time = 0ms; time < 1s; time += 50ms) shown.update(some, began_ + time);
    shown.clear();
    EXPECT_EQ(written(), "");
  }
}

TEST_F(ProgressTest, TheBarIsRedrawnInPlaceAndClearedAtTheEnd) {
  Progress bar = progress(ProgressStyle::bar);
  bar.update(some, began_ + 2s);
  EXPECT_EQ(written(),
            "\r\x1b[K[############..................] 120/300 tasks (40 %), 60/s, 4 running, about 3 s left");
  bar.update(some, began_ + 2100ms);
  EXPECT_EQ(written(), "");
  bar.update({.submitted = 300, .finished = 300, .running = 0}, began_ + 2500ms);
  EXPECT_EQ(written(), "\r\x1b[K[##############################] 300/300 tasks (100 %), 120/s, 0 running");
  bar.clear();
  EXPECT_EQ(written(), "\r\x1b[K");
  bar.clear();
  EXPECT_EQ(written(), "");
}

TEST_F(ProgressTest, ElsewhereALineComesEveryTenSeconds) {
  Progress plain = progress(ProgressStyle::plain);
  int lines = 0;
  for (auto time = 0s; time <= 35s; time += 1s) {
    plain.update(some, began_ + time);
    const std::string text = written();
    if (text.empty()) continue;
    ++lines;
    EXPECT_EQ(time, lines * 10s);
    EXPECT_EQ(text, Progress::describe(some, static_cast<double>(time.count())) + "\n");
  }
  EXPECT_EQ(lines, 3);
  plain.clear();
  EXPECT_EQ(written(), "");
}

TEST_F(ProgressTest, OffIsOff) {
  Progress off = progress(ProgressStyle::off);
  off.update(some, began_ + 1h);
  off.clear();
  EXPECT_EQ(written(), "");
}

TEST(ProgressStyle, TheOptionDecidesAndAutoAsksForATerminal) {
  EXPECT_EQ(progress_style("bar"), ProgressStyle::bar);
  EXPECT_EQ(progress_style("plain"), ProgressStyle::plain);
  EXPECT_EQ(progress_style("off"), ProgressStyle::off);
  setenv("CREMA_STDERR_IS_TERMINAL", "1", 1);  // what jobs/run says behind mpirun
  EXPECT_EQ(progress_style("auto"), ProgressStyle::bar);
  unsetenv("CREMA_STDERR_IS_TERMINAL");
}

}  // namespace
}  // namespace crema::runtime
