#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>

#include "crema/task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using testing::CutJournal;
using testing::MemoryJournal;

std::atomic<int> runs;
int square(int x) {
  ++runs;
  return x * x;
}
int nested(int x) {
  ++runs;
  return remote<square>(x).get() + remote<square>(x + 1).get();
}
Future<int> passed_on(int x) { return remote<nested>(x); }
std::vector<Future<int>> several(int count) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) futures.push_back(remote<nested>(i));
  return futures;
}
std::vector<int> large(int x) {
  ++runs;
  return std::vector<int>(50'000, x);
}

/// Runs a driver, and goes on from what an earlier run has recorded.
class Resumed {
 public:
  int run(const std::function<void()>& driver, std::size_t cut, const std::vector<journal::Record>& records) {
    LoopbackCluster cluster{3};
    CutJournal source{records, cut};
    cluster.past = history::Past{source};
    journal.go_on(records, cut);
    cluster.journal = &journal;
    return cluster.run_all(driver);
  }
  MemoryJournal journal;
};

/// The records of an unbroken run.
std::vector<journal::Record> recorded(const std::function<void()>& driver) {
  Resumed first;
  EXPECT_EQ(first.run(driver, 0, {}), 0);
  return first.journal.records;
}

TEST(History, WhatIsRecordedDoesNotRunAgain) {
  int got = 0;
  const auto driver = [&] { got = remote<nested>(3).get() + remote<square>(9).get(); };
  runs = 0;
  const auto records = recorded(driver);
  EXPECT_EQ(got, 9 + 16 + 81);
  EXPECT_EQ(runs, 4);
  got = runs = 0;
  EXPECT_EQ(Resumed{}.run(driver, records.size(), records), 0);
  EXPECT_EQ(got, 9 + 16 + 81);
  EXPECT_EQ(runs, 0);
}

TEST(History, EveryCutLeadsToTheSameResults) {
  std::vector<int> got;
  const auto driver = [&] {
    got.clear();
    for (const Future<int>& future : remote<several>(4).get()) got.push_back(future.get());
    got.push_back(remote<passed_on>(7).get());
    got.push_back(remote<large>(5).get().at(49'999));
  };
  const auto records = recorded(driver);
  const std::vector<int> expected = got;
  EXPECT_EQ(expected, (std::vector{1, 5, 13, 25, 113, 5}));
  for (std::size_t cut = 0; cut <= records.size(); ++cut) {
    Resumed second;
    EXPECT_EQ(second.run(driver, cut, records), 0) << cut;
    EXPECT_EQ(got, expected) << cut;
    EXPECT_EQ(Resumed{}.run(driver, second.journal.records.size(), second.journal.records), 0) << cut;
    EXPECT_EQ(got, expected) << cut;
  }
}

TEST(History, ThoseWhoTakeResultsAsTheyComeGetThemInTheRecordedOrder) {
  std::vector<int> order;
  const auto driver = [&] {
    order.clear();
    std::vector<Future<int>> futures;
    for (int i = 0; i < 12; ++i) futures.push_back(remote<square>(i));
    const auto [some, others] = wait(futures, {.count = 5});
    for (const Future<int>& future : some) order.push_back(future.get());
    for (const Future<int>& future : as_completed(futures)) order.push_back(future.get());
  };
  const auto records = recorded(driver);
  const std::vector<int> expected = order;
  ASSERT_EQ(Resumed{}.run(driver, records.size(), records), 0);
  EXPECT_EQ(order, expected);
  for (std::size_t cut = 0; cut < records.size(); ++cut) {
    Resumed second;
    ASSERT_EQ(second.run(driver, cut, records), 0);
    const std::vector<int> once = order;
    ASSERT_EQ(Resumed{}.run(driver, second.journal.records.size(), second.journal.records), 0);
    EXPECT_EQ(order, once) << cut;
  }
}

/// A journal that is as large as it is said to be.
class LargeJournal : public MemoryJournal {
 public:
  [[nodiscard]] std::uint64_t bytes() const override { return said; }
  std::atomic<std::uint64_t> said = 0;
};

TEST(History, ItsSizeIsToldFromOneGibibyteOnWheneverItHasDoubled) {
  constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30U;
  LoopbackCluster cluster{3};
  cluster.options.watch_interval = std::chrono::milliseconds{1};
  LargeJournal journal;
  cluster.journal = &journal;
  const auto told = [&](const std::string& size) { return cluster.log().find(size) != std::string::npos; };
  const auto driver = [&] {
    const auto grow_to = [&](std::uint64_t size) {
      journal.said = size;
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{50};
      while (std::chrono::steady_clock::now() < until) remote<square>(1).get();
    };
    grow_to(gibibyte - 1);
    grow_to(3 * gibibyte);
    while (!told("3.0 GiB")) remote<square>(1).get();
    grow_to(4 * gibibyte - 1);
    grow_to(9 * gibibyte);
    while (!told("9.0 GiB")) remote<square>(1).get();
  };
  EXPECT_EQ(cluster.run_all(driver), 0);
  EXPECT_FALSE(told("1.0 GiB") || told("4.0 GiB")) << cluster.log();
}

}  // namespace
}  // namespace crema
