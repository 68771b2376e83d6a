#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <set>
#include <thread>

#include "crema/actor.hpp"
#include "crema/future.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

int one() { return 1; }
int plus(int a, int b) { return a + b; }
int add_one(int a) { return a + 1; }
std::string text(const std::string& a, const std::string& b) { return a + "," + b; }
int sum(const std::vector<int>& values) { return std::accumulate(values.begin(), values.end(), 0); }
double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
std::string join(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += word;
  return all;
}
std::string word(int i) { return std::string(static_cast<std::size_t>(i % 3), static_cast<char>('a' + i % 26)); }
int spill(int a) {
  if (a >= 0) throw std::runtime_error{"spilt " + std::to_string(a)};
  return a;
}
int value_of(const Future<int>& future) { return future.get(); }
Future<int> later(int a) { return remote<add_one>(a); }
Future<int> pass_on(const Future<int>& future) { return future; }
Future<int> much_later(int a) { return remote<later>(a); }
std::vector<Future<int>> several(int n) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < n; ++i) futures.push_back(remote<add_one>(i));
  return futures;
}
Future<int> nothing_at_all() { return {}; }
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = remote<fibonacci>(n - 1);
  const auto b = remote<fibonacci>(n - 2);
  return a.get() + b.get();
}

/// What the driver returned; fails the test when the job did not end well.
template <class Driver>
auto on(int ranks, Driver driver) {
  LoopbackCluster cluster{ranks};
  decltype(driver()) result{};
  EXPECT_EQ(cluster.run_all([&] { result = driver(); }), 0) << cluster.sink.end.error;
  return result;
}

class Futures : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Futures, testing::Values(1, 2, 3, 5));

TEST_P(Futures, AFutureIsPassedWhereItsValueIsTaken) {
  EXPECT_EQ(on(GetParam(), [] { return remote<plus>(remote<one>(), remote<plus>(remote<one>(), 5)).get(); }), 7);
}

TEST_P(Futures, ValuesMeetTheirPlacesAmongOtherArguments) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto a = remote<text>(std::string{"a"}, std::string{"b"});
                 return remote<text>(remote<text>(a, std::string{"c"}), a).get();
               }),
            "a,b,c,a,b");
}

TEST_P(Futures, ManyFuturesArePassedAsOneVector) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 std::vector<Future<int>> ones;
                 for (int i = 0; i < 300; ++i) ones.push_back(remote<add_one>(i));
                 std::vector<Future<std::string>> words;
                 for (int i = 0; i < 50; ++i) words.push_back(remote<word>(i));
                 std::string expected;
                 for (int i = 0; i < 50; ++i) expected += word(i);
                 EXPECT_EQ(remote<join>(words).get(), expected);
                 EXPECT_EQ(remote<sum>(std::vector<Future<int>>{}).get(), 0);
                 return remote<sum>(ones).get();
               }),
            300 * 301 / 2);
}

TEST_P(Futures, TheyArePassedAsASpanToo) {
  EXPECT_EQ(on(GetParam(), [] { return remote<mean>(std::vector<Future<double>>{put(1.0), put(4.0)}).get(); }), 2.5);
}

TEST_P(Futures, ADiamondAndALongChain) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto top = remote<one>();
                 EXPECT_EQ(remote<plus>(remote<add_one>(top), remote<plus>(top, 10)).get(), 13);
                 Future<int> end = top;
                 for (int i = 0; i < 2000; ++i) end = remote<add_one>(end);
                 return end.get();
               }),
            2001);
}

#ifdef __SANITIZE_ADDRESS__
constexpr int many = 10'000;  // the rest would take most of the time of all unit tests
#else
constexpr int many = 100'000;
#endif

TEST_P(Futures, AHundredThousandInAChainInAFanInAndInAFanOut) {
  LoopbackCluster cluster{GetParam()};
  EXPECT_EQ(cluster.run_all([] {
    Future<int> end = remote<one>();
    for (int i = 1; i < many; ++i) end = remote<add_one>(end);
    EXPECT_EQ(end.get(), many);
    std::vector<Future<int>> all;
    for (int i = 0; i < many; ++i) all.push_back(remote<add_one>(i % 7));
    EXPECT_EQ(remote<sum>(all).get(), [] {
      int expected = 0;
      for (int i = 0; i < many; ++i) expected += i % 7 + 1;
      return expected;
    }());
    const auto stored = put(5);
    for (auto& future : all) future = remote<add_one>(stored);
    for (const int value : get(all)) EXPECT_EQ(value, 6);
  }),
            0)
      << cluster.sink.end.error;
  EXPECT_EQ(cluster.sink.dependencies.size(), 3U * many - 1);
}

TEST_P(Futures, NestedTasksOnManyLanes) {
  LoopbackCluster cluster{GetParam()};
  cluster.options.lanes = 20;
  EXPECT_EQ(cluster.run_all([] { EXPECT_EQ(remote<fibonacci>(17).get(), 1597); }), 0) << cluster.sink.end.error;
}

TEST_P(Futures, WhatTasksWereGivenIsRecorded) {
  LoopbackCluster cluster{GetParam()};
  std::set<std::pair<TaskId, TaskId>> expected;
  EXPECT_EQ(cluster.run_all([&] {
    const auto a = remote<one>();
    const auto b = put(2);
    const auto c = remote<plus>(a, b);
    EXPECT_EQ(c.get(), 3);
    expected = {{c.id(), a.id()}, {c.id(), b.id()}};
  }),
            0);
  EXPECT_EQ((std::set<std::pair<TaskId, TaskId>>{cluster.sink.dependencies.begin(), cluster.sink.dependencies.end()}),
            expected);
}

TEST_P(Futures, AFailedInputFailsWhatNeedsItWithTheFirstCause) {
  const std::string error = on(GetParam(), [] {
    auto end = remote<plus>(remote<spill>(3), remote<one>());
    for (int i = 0; i < 5; ++i) end = remote<add_one>(end);
    try {
      end.get();
    } catch (const TaskError& caught) {
      return std::string{caught.what()};
    }
    return std::string{};
  });
  EXPECT_THAT(error, HasSubstr("spill"));
  EXPECT_THAT(error, HasSubstr("spilt 3"));
}

TEST_P(Futures, AFutureTravelsAsAFuture) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 // The sender lets go at once.
                 return remote<value_of>(remote<value_of>(remote<plus>(20, 3))).get() +
                        remote<pass_on>(remote<one>()).get();
               }),
            24);
}

TEST_P(Futures, ATaskThatReturnsAFutureYieldsItsValue) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 static_assert(std::is_same_v<decltype(remote<later>(1)), Future<int>>);
                 return remote<add_one>(remote<much_later>(5)).get() + remote<later>(1).get();
               }),
            9);
}

TEST_P(Futures, AValueMayHoldFutures) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 std::vector<Future<int>> inner = remote<several>(40).get();
                 int total = 0;
                 for (const auto& future : inner) total += future.get();
                 return total;
               }),
            820);
}

TEST_P(Futures, AReturnedEmptyFutureIsAnErrorThatSaysSo) {
  EXPECT_THAT(on(GetParam(),
                 [] {
                   try {
                     remote<nothing_at_all>().get();
                   } catch (const TaskError& error) {
                     return std::string{error.message()};
                   }
                   return std::string{};
                 }),
              HasSubstr("empty future"));
}

TEST_P(Futures, NestedTasksWaitForTheirsAtAnyDepth) {
  EXPECT_EQ(on(GetParam(), [] { return remote<fibonacci>(11).get(); }), 89);
}

TEST_P(Futures, PutStoresAValueForMany) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto stored = put(std::vector<int>{1, 2, 3});
                 std::vector<Future<int>> sums;
                 for (int i = 0; i < 20; ++i) sums.push_back(remote<sum>(stored));
                 return get(sums) == std::vector<int>(20, 6) && stored.get().size() == 3;
               }),
            true);
}

TEST_P(Futures, WaitReturnsNoMoreThanAskedForAndKeepsTheOrder) {
  on(GetParam(), [] {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 6; ++i) futures.push_back(remote<add_one>(i));
    get(futures);
    auto [ready, pending] = wait(futures, {.count = 4});
    EXPECT_EQ(ready, (std::vector{futures[0], futures[1], futures[2], futures[3]}));
    EXPECT_EQ(pending, (std::vector{futures[4], futures[5]}));
    EXPECT_EQ(wait(futures, {.count = 100}).ready.size(), 6U);
    EXPECT_EQ(wait(std::vector<Future<int>>{}).ready.size(), 0U);
    return 0;
  });
}

class Gate {
 public:
  void open() {}
};
std::atomic<bool> gate_open{false};
int wait_for_gate() {
  while (!gate_open) std::this_thread::sleep_for(1ms);
  return 5;
}
std::atomic<int> waiting_for_cancel{0};
int wait_for_cancel() {
  ++waiting_for_cancel;
  while (!this_task().cancelled()) std::this_thread::sleep_for(1ms);
  return 6;
}
std::atomic<int> runs{0};
int count_runs(int a) {
  ++runs;
  return a;
}

TEST_P(Futures, AWaitEndsWithItsTime) {
  gate_open = false;
  on(GetParam(), [] {
    const auto slow = remote<wait_for_gate>();
    auto [ready, pending] = wait(std::vector{slow}, {.count = 1, .timeout = 20ms});
    EXPECT_EQ(ready.size(), 0U);
    EXPECT_EQ(pending, std::vector{slow});
    EXPECT_THROW(slow.get(10ms), Timeout);
    EXPECT_THROW(slow.get(0ms), Timeout);
    gate_open = true;
    EXPECT_EQ(slow.get(1h), 5);
    return 0;
  });
}

TEST_P(Futures, TheyComeAsTheyComplete) {
  gate_open = false;
  on(GetParam(), [] {
    // One worker: what is done first is known.
    const auto first = remote<one>();
    first.get();
    const auto last = with(TaskOptions{.priority = -1}).remote<wait_for_gate>();
    std::vector<TaskId> order;
    for (const Future<int>& future : as_completed(std::vector{last, first, first})) {
      order.push_back(future.id());
      if (order.size() == 2) gate_open = true;
    }
    EXPECT_THAT(order, ElementsAre(first.id(), first.id(), last.id()));
    for (const Future<int>& future : as_completed(std::vector<Future<int>>{})) ADD_FAILURE() << future.id().number;
    for (const Future<int>& future : as_completed(std::vector{remote<spill>(1)})) EXPECT_THROW(future.get(), TaskError);
    // Left early: the rest is nobody's.
    for (const Future<int>& future : as_completed(several(10))) {
      EXPECT_GT(future.get(), 0);
      break;
    }
    return 0;
  });
}

TEST_P(Futures, ACancelledTaskNeverRunsAndFailsWhatNeedsIt) {
  gate_open = false;
  runs = 0;
  on(std::min(GetParam(), 3), [] {
    const auto running = remote<wait_for_gate>();
    const auto queued = remote<count_runs>(1);
    const auto needs_it = remote<count_runs>(queued);
    const auto blocked = remote<count_runs>(running);
    queued.cancel();
    blocked.cancel();
    EXPECT_THROW(blocked.get(), TaskCancelled);
    gate_open = true;
    EXPECT_THROW(queued.get(), TaskCancelled);
    EXPECT_THROW(needs_it.get(), TaskCancelled);
    EXPECT_EQ(running.get(), 5);
    EXPECT_EQ(runs, 0);
    running.cancel();  // too late
    EXPECT_EQ(remote<count_runs>(running).get(), 5);
    return 0;
  });
}

TEST_P(Futures, ATaskThatRunsIsToldThatItIsCancelled) {
  on(GetParam(), [] {
    const auto running = remote<wait_for_cancel>();
    std::this_thread::sleep_for(5ms);
    running.cancel();
    EXPECT_THROW(running.get(), TaskCancelled);
    return 0;
  });
}

std::atomic<int> told_while_waiting{0};
/// Waits for a task that ends when it is cancelled; `how`: in get, wait or as_completed.
int wait_for_another(int how) {
  const auto another = remote<wait_for_cancel>();
  try {
    if (how == 0) return another.get();
    if (how == 1) wait(std::vector{another}, {.count = 1});
    for (const auto& ended : as_completed(std::vector{another})) return ended.get();
  } catch (const TaskCancelled& error) {
    if (error.task() == this_task().id() && this_task().cancelled()) ++told_while_waiting;
    another.cancel();
    EXPECT_THROW(another.get(), TaskCancelled);  // it was told, and may wait again
    throw;
  }
  return how;
}

TEST_P(Futures, ATaskThatWaitsIsToldThatItIsCancelled) {
  told_while_waiting = 0;
  on(GetParam(), [] {
    for (const int how : {0, 1, 2}) {
      waiting_for_cancel = 0;
      const auto waiting = remote<wait_for_another>(how);
      while (waiting_for_cancel == 0) std::this_thread::sleep_for(1ms);
      waiting.cancel();
      EXPECT_THROW(waiting.get(), TaskCancelled);
      EXPECT_EQ(remote<plus>(how, 1).get(), how + 1);  // the worker is free
    }
    return 0;
  });
  EXPECT_EQ(told_while_waiting, 3);
}

TEST_P(Futures, CancelledOnesThatNobodyAskedForAreNoFailures) {
  on(GetParam(), [] {
    for (int i = 0; i < 10; ++i) remote<count_runs>(remote<count_runs>(i)).cancel();
    return 0;
  });
}

class Keeper {
 public:
  void keep(const Future<int>& future) { kept_ = future; }
  int value() const { return kept_.get(); }

 private:
  Future<int> kept_;
};

TEST_P(Futures, AnActorKeepsOneThatItsSenderLetGo) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto keeper = actor<Keeper>();
                 keeper.remote<&Keeper::keep>(remote<plus>(3, 4)).get();
                 return keeper.remote<&Keeper::value>().get();
               }),
            7);
}

class Account {
 public:
  void add(int amount) { seen_.push_back(amount); }
  void add_all(const std::vector<int>& amounts) { seen_.insert(seen_.end(), amounts.begin(), amounts.end()); }
  std::vector<int> seen() const { return seen_; }

 private:
  std::vector<int> seen_;
};

TEST_P(Futures, ActorCallsTakeThemAndKeepTheirCallersOrder) {
  gate_open = false;
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto account = actor<Account>();
                 const auto slow = remote<wait_for_gate>();
                 account.remote<&Account::add>(1);
                 account.remote<&Account::add>(slow);
                 account.remote<&Account::add>(2);
                 account.remote<&Account::add_all>(std::vector<Future<int>>{put(7), slow, put(8)});
                 account.remote<&Account::add>(remote<one>());
                 const auto seen = account.remote<&Account::seen>();
                 gate_open = true;
                 return seen.get();
               }),
            (std::vector<int>{1, 5, 2, 7, 5, 8, 1}));
}

TEST_P(Futures, AFailedInputFailsAnActorCallAndNotTheNext) {
  on(GetParam(), [] {
    const auto account = actor<Account>();
    const auto failed = account.remote<&Account::add>(remote<spill>(2));
    account.remote<&Account::add>(3);
    EXPECT_THAT(([&] {
                  try {
                    failed.get();
                  } catch (const TaskError& error) {
                    return error.message();
                  }
                  return std::string{};
                })(),
                HasSubstr("spilt 2"));
    EXPECT_THAT(account.remote<&Account::seen>().get(), ElementsAre(3));
    return 0;
  });
}

TEST(FuturesOverASlowNetwork, NoReferenceIsLostOnItsWay) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    LoopbackCluster cluster{4, seed};
    cluster.network.delay_up_to(20);
    int result = 0;
    EXPECT_EQ(cluster.run_all([&] {
      const auto keeper = actor<Keeper>();
      for (int i = 0; i < 10; ++i) {
        keeper.remote<&Keeper::keep>(remote<plus>(i, 4));
        result += remote<value_of>(remote<pass_on>(remote<plus>(i, 1))).get();
      }
      result += keeper.remote<&Keeper::value>().get();
    }),
              0)
        << cluster.sink.end.error;
    EXPECT_EQ(result, 55 + 13);
  }
}

}  // namespace
}  // namespace crema
