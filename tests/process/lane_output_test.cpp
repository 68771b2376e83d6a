#include "process/lane_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace crema::process {
namespace {

constexpr TaskId first_task{1};
constexpr TaskId second_task{2};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read = Descriptor{ends[0]};
    write = Descriptor{ends[1]};
  }
  Descriptor read;
  Descriptor write;
};

void put(int to, const std::string& text) {
  ASSERT_EQ(::write(to, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

class LaneOutputTest : public ::testing::Test {
 protected:
  LaneOutputTest() { ::fcntl(terminal_.read.get(), F_SETFL, O_NONBLOCK); }

  void print(const std::string& text) { put(lane_.write.get(), text); }
  std::string shown() const {
    std::string text(100'000, ' ');
    const ssize_t size = ::read(terminal_.read.get(), text.data(), text.size());
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }

  Pipe lane_;
  Pipe terminal_;
  LaneOutput output_{std::move(lane_.read), terminal_.write.get(), true};
};

TEST_F(LaneOutputTest, LinesArePassedOnWhole) {
  print("one\ntwo\nthr");
  EXPECT_TRUE(output_.pass_on(first_task));
  EXPECT_EQ(shown(), "one\ntwo\n");
  print("ee\n");
  EXPECT_TRUE(output_.pass_on(first_task));
  EXPECT_EQ(shown(), "three\n");
}

TEST_F(LaneOutputTest, ALineThatWasNotEndedIsEndedWithTheLane) {
  print("half");
  lane_.write.reset();
  EXPECT_FALSE(output_.pass_on(first_task));
  EXPECT_EQ(shown(), "");
  output_.finish();
  EXPECT_EQ(shown(), "half\n");
  EXPECT_EQ(output_.kept(), "half");
}

TEST_F(LaneOutputTest, TheLastLinesOfTheWorkThatRunsAreKept) {
  for (int i = 0; i < 30; ++i) print("line " + std::to_string(i) + "\n");
  output_.pass_on(first_task);
  std::string expected;
  for (int i = 10; i < 30; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(output_.kept(), expected);

  print("another's\n");
  output_.pass_on(second_task);
  EXPECT_EQ(output_.kept(), "another's\n");
  output_.pass_on(TaskId{});  // nothing runs: the last work's stays
  EXPECT_EQ(output_.kept(), "another's\n");
}

TEST_F(LaneOutputTest, LongLinesAreNeitherHeldForEverNorKeptWhole) {
  const std::string line(LaneOutput::longest_line + 100, 'x');
  print(line);
  output_.pass_on(first_task);
  const std::string part = shown();
  EXPECT_GE(part.size(), LaneOutput::longest_line);
  output_.finish();
  EXPECT_LE(output_.kept().size(), LaneOutput::kept_bytes);
}

// What it passes on comes back: there is always more to read, as with a lane that prints in an endless loop.
TEST(LaneOutput, ALaneThatPrintsForEverDoesNotKeepItsReader) {
  Pipe circle;
  const int to = circle.write.get();
  put(to, "again\n");
  LaneOutput output{std::move(circle.read), to, false};
  EXPECT_TRUE(output.pass_on(first_task));
}

}  // namespace
}  // namespace crema::process
