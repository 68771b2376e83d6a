#include "head/dispatcher.hpp"

#include <gtest/gtest.h>

#include <map>

namespace crema::head {
namespace {

constexpr FunctionId slow{0};
constexpr FunctionId quick{1};
constexpr FunctionId unknown{2};

class DispatcherTest : public testing::Test {
 protected:
  void workers(int count, std::uint32_t slots = 1) {
    for (int i = 1; i <= count; ++i) {
      dispatcher.add_worker(RankId{i});
      dispatcher.on_pull(RankId{i}, {slots, 0});
    }
  }
  void ready(FunctionId function, int count, RunOrder order = {}) {
    for (int i = 0; i < count; ++i) dispatcher.add_ready(order, {TaskId{++last_id}, function, {}});
  }
  std::map<RankId, int> assign() {
    std::map<RankId, int> given;
    for (auto& assignment : dispatcher.assign()) {
      ++given[assignment.worker];
      sent.push_back(std::move(assignment));
    }
    return given;
  }
  void end_all(std::int64_t nanoseconds) {
    for (auto& assignment : sent)
      dispatcher.ended(assignment.worker, assignment.task.function, assignment.load, nanoseconds);
    sent.clear();
  }
  void learn(FunctionId function, std::int64_t nanoseconds) {
    ready(function, 1);
    assign();
    end_all(nanoseconds);
  }

  Dispatcher dispatcher;
  std::vector<Dispatcher::Assignment> sent;
  std::uint64_t last_id = 0;
};

TEST_F(DispatcherTest, AnUnknownFunctionGoesOutOneASlot) {
  workers(2, 3);
  ready(unknown, 100);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 3}, {RankId{2}, 3}}));
  EXPECT_TRUE(assign().empty());
}

TEST_F(DispatcherTest, OneSecondTasksGoOutSingly) {
  workers(2);
  learn(slow, 1'000'000'000);
  ready(slow, 100);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 1}, {RankId{2}, 1}}));
}

TEST_F(DispatcherTest, MicrosecondTasksGoOutInBatchesOfAbout200Microseconds) {
  workers(2);
  learn(quick, 1'000);
  ready(quick, 10'000);
  const auto given = assign();
  EXPECT_EQ(given.at(RankId{1}), 200);
  EXPECT_EQ(given.at(RankId{2}), 200);
}

TEST_F(DispatcherTest, HoweverShortTheTasksAWorkerHasABound) {
  workers(1);
  learn(quick, 1);
  ready(quick, 10'000);
  EXPECT_EQ(assign().at(RankId{1}), static_cast<int>(Dispatcher::max_ahead_tasks));
}

TEST_F(DispatcherTest, AWorkerGetsNoMoreThanItsShareOfWhatIsReady) {
  workers(4);
  learn(quick, 1'000);
  ready(quick, 40);
  for (const auto& [rank, given] : assign()) EXPECT_LE(given, 11) << "rank " << rank.number;
}

TEST_F(DispatcherTest, HigherPriorityThenDeeperThenFirstComeFirstServed) {
  workers(1, 6);
  ready(unknown, 1, {0, 1});   // 1
  ready(unknown, 1, {5, 1});   // 2
  ready(unknown, 1, {0, 3});   // 3
  ready(unknown, 1, {5, 1});   // 4
  ready(unknown, 1, {-1, 9});  // 5
  assign();
  std::vector<std::uint64_t> order;
  for (const auto& assignment : sent) order.push_back(assignment.task.id.number);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{2, 4, 3, 1, 5}));
}

TEST_F(DispatcherTest, AParkedTaskFreesItsSlot) {
  workers(1);
  ready(unknown, 2);
  assign();
  EXPECT_TRUE(assign().empty());
  dispatcher.on_pull(RankId{1}, {1, 1});
  EXPECT_EQ(assign().at(RankId{1}), 1);
}

TEST_F(DispatcherTest, ArgumentsSentAheadAreBounded) {
  workers(1);
  learn(quick, 1);
  const Bytes megabyte = Bytes{[] {
    ByteBuffer buffer;
    buffer.extend(1 << 20);
    return buffer;
  }()};
  for (int i = 0; i < 100; ++i) dispatcher.add_ready({}, {TaskId{++last_id}, quick, megabyte});
  EXPECT_EQ(assign().at(RankId{1}), 4);
}

TEST_F(DispatcherTest, AFunctionThatBecomesSlowIsSentSinglyAgain) {
  workers(1);
  learn(quick, 1'000);
  for (int i = 0; i < 40; ++i) learn(quick, 50'000'000);
  ready(quick, 100);
  EXPECT_EQ(assign().at(RankId{1}), 1);
}

TEST_F(DispatcherTest, KnowsWhatIsFree) {
  workers(3, 2);
  EXPECT_EQ(dispatcher.slots(), 6U);
  ready(unknown, 4);
  assign();
  EXPECT_EQ(dispatcher.running(), 4U);
  EXPECT_EQ(dispatcher.free_slots(), 2U);
  end_all(10);
  EXPECT_EQ(dispatcher.free_slots(), 6U);
}

TEST_F(DispatcherTest, NothingGoesToAWorkerThatHasNotPulled) {
  dispatcher.add_worker(RankId{1});
  ready(unknown, 3);
  EXPECT_TRUE(assign().empty());
}

}  // namespace
}  // namespace crema::head
