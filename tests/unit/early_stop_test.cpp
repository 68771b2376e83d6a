#include "runtime/early_stop.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "crema/crema.hpp"
#include "loopback_cluster.hpp"

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;

const EarlyStop::Clock::time_point start{};

TEST(EarlyStop, BeginsOnceAndEndsWhenAllRanksAreIdleForAMoment) {
  EarlyStop stop{std::nullopt, 2};
  EXPECT_FALSE(stop.begins(start + 1h));
  stop.on_signal(SIGUSR1, start + 1h);
  EXPECT_TRUE(stop.begins(start + 1h));
  EXPECT_FALSE(stop.begins(start + 1h));
  EXPECT_EQ(stop.reason(), "signal SIGUSR1");
  stop.on_rank(RankId{0}, false, start + 1h);
  EXPECT_FALSE(stop.over(start + 1h + 1s));
  stop.on_rank(RankId{1}, false, start + 1h + 2s);
  EXPECT_FALSE(stop.over(start + 1h + 2s + EarlyStop::settle - 1ms));
  EXPECT_TRUE(stop.over(start + 1h + 2s + EarlyStop::settle));
  // It goes on: a value has come for it.
  stop.on_rank(RankId{1}, true, start + 1h + 2s);
  EXPECT_FALSE(stop.over(start + 1h + 10s));
  EXPECT_TRUE(stop.over(start + 1h + tasks_after_signal));
}

TEST(EarlyStop, TheSignalThatLeavesLessTimeCounts) {
  EarlyStop stop{std::nullopt, 1};
  stop.on_signal(SIGUSR1, start);
  EXPECT_TRUE(stop.begins(start));
  EXPECT_EQ(stop.tasks_until(), start + tasks_after_signal);
  stop.on_signal(SIGTERM, start + 1s);
  EXPECT_EQ(stop.tasks_until(), start + 1s + EarlyStop::tasks_after_urgent_signal);
  stop.on_signal(SIGUSR1, start + 1s);
  EXPECT_EQ(stop.tasks_until(), start + 1s + EarlyStop::tasks_after_urgent_signal);
  EXPECT_EQ(stop.reason(), "signal SIGUSR1");
}

TEST(EarlyStop, BeginsBeforeAKnownEnd) {
  EarlyStop stop{StopTimes{start + 10s, start + 13s}, 1};
  EXPECT_FALSE(stop.begins(start + 9s));
  EXPECT_FALSE(stop.over(start + 20s));
  EXPECT_TRUE(stop.begins(start + 10s));
  EXPECT_EQ(stop.reason(), "the time limit");
  EXPECT_FALSE(stop.over(start + 12s));
  EXPECT_TRUE(stop.over(start + 13s));
  // A signal before it may use the time to the end.
  EarlyStop signalled{StopTimes{start + 1h, start + 2h}, 1};
  signalled.on_signal(SIGUSR1, start);
  EXPECT_TRUE(signalled.begins(start));
  EXPECT_EQ(signalled.tasks_until(), start + 2h);
}

std::atomic<int> ended_tasks;

int end_when_told() {
  while (!this_task().stopping()) std::this_thread::sleep_for(1ms);
  ++ended_tasks;
  return 1;
}

/// On so many ranks: tasks that are told and end, others that have not begun and never do, a driver that waits.
TEST(EarlyStop, OnAnyNumberOfRanks) {
  for (const int ranks : {1, 2, 3, 5}) {
    LoopbackCluster cluster{ranks};
    std::atomic<int> signal{0};
    cluster.options.stop_signal = &signal;
    ended_tasks = 0;
    const int code = cluster.run_all([&] {
      const auto square = crema::remote([](int n) { return n * n; }, 5);
      EXPECT_EQ(square.get(), 25);
      std::vector<Future<int>> tasks;
      for (int i = 0; i < 20; ++i) tasks.push_back(crema::remote<end_when_told>());
      signal = SIGUSR1;
      get(tasks);
    });
    EXPECT_EQ(code, exit_interrupted) << cluster.sink.end.error;
    EXPECT_NE(cluster.sink.end.error.find("stopped early after signal SIGUSR1: 1 of the 21 tasks"), std::string::npos)
        << cluster.sink.end.error;
    std::size_t interrupted = 0;
    for (const record::TaskRow& row : cluster.sink.rows) interrupted += row.state == record::TaskState::interrupted;
    EXPECT_EQ(cluster.sink.rows.size(), interrupted + 1);
    EXPECT_EQ(ended_tasks, static_cast<int>(interrupted));
    EXPECT_LE(interrupted, 20U);
  }
}

class Counter {
 public:
  int count(int from) {
    while (!this_task().stopping()) std::this_thread::sleep_for(1ms);
    return from + 1;
  }
};

TEST(EarlyStop, AnActorsCallIsWaitedForAndCounts) {
  LoopbackCluster cluster{3};
  std::atomic<int> signal{0};
  cluster.options.stop_signal = &signal;
  int counted = 0;
  const int code = cluster.run_all([&] {
    auto counter = actor<Counter>();
    const auto call = counter.remote<&Counter::count>(4);
    signal = SIGUSR1;
    counted = call.get();
  });
  EXPECT_EQ(counted, 5);
  EXPECT_EQ(code, 0) << cluster.sink.end.error;
}

}  // namespace
}  // namespace crema::runtime
