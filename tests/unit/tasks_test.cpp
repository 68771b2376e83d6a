#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <string>
#include <thread>
#include <unordered_set>

#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

int square(int x) { return x * x; }
double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }
std::string join(const std::string& a, std::string b) { return a + b; }
void nothing() {}
int fail_with(const std::string& text) { throw std::invalid_argument{text}; }
int throw_number() { throw 42; }
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = remote<fibonacci>(n - 1);
  const auto b = remote<fibonacci>(n - 2);
  return a.get() + b.get();
}
int down(int levels) { return levels == 0 ? 0 : 1 + remote<down>(levels - 1).get(); }
namespace other {
int square(int x) { return -x * x; }
}  // namespace other

class Tasks : public testing::TestWithParam<int> {
 protected:
  int run(std::function<void()> driver) { return cluster.run_all(std::move(driver)); }
  LoopbackCluster cluster{GetParam()};
};

TEST_P(Tasks, ReturnWhatTheFunctionReturns) {
  int got = 0;
  EXPECT_EQ(run([&] { got = remote<square>(7).get(); }), 0);
  EXPECT_EQ(got, 49);
}

TEST_P(Tasks, TakeEveryKindOfParameter) {
  EXPECT_EQ(run([] {
              EXPECT_EQ(remote<join>("flat", std::string{" white"}).get(), "flat white");
              EXPECT_EQ(remote<sum>(std::vector{1.0, 2.5}).get(), 3.5);
              EXPECT_EQ(remote<overload<double(double)>(std::sqrt)>(16).get(), 4.0);
              EXPECT_EQ(remote([](int a, int b) { return a - b; }, 5, 3).get(), 2);
              EXPECT_EQ(remote<[](long a) { return a + 1; }>(5).get(), 6);
              EXPECT_EQ(remote<other::square>(3).get(), -9);
              remote<nothing>().get();
            }),
            0);
}

TEST_P(Tasks, ManyFuturesComeBackInTheOrderOfTheirCalls) {
  constexpr int count = 3000;
  EXPECT_EQ(run([] {
              std::vector<Future<int>> squares;
              for (int i = 0; i < count; ++i) squares.push_back(remote<square>(i));
              const std::vector<int> values = get(squares);
              for (int i = 0; i < count; ++i) ASSERT_EQ(values[static_cast<std::size_t>(i)], i * i);
              std::vector<Future<void>> voids;
              for (int i = 0; i < 10; ++i) voids.push_back(remote<nothing>());
              get(voids);
            }),
            0);
  EXPECT_EQ(cluster.sink.rows.size(), count + 10U);
  for (const auto& row : cluster.sink.rows) {
    EXPECT_LE(row.submitted, row.started);
    EXPECT_LE(row.started, row.finished);
  }
}

TEST_P(Tasks, AFailureIsThrownWhereTheValueIsAskedFor) {
  EXPECT_EQ(run([] {
              const Future<int> future = remote<fail_with>("the machine is cold");
              for (int again = 0; again < 2; ++again) {
                try {
                  future.get();
                  FAIL() << "no exception";
                } catch (const TaskError& error) {
                  EXPECT_EQ(error.type(), "std::invalid_argument");
                  EXPECT_EQ(error.message(), "the machine is cold");
                  EXPECT_NE(error.function().find("fail_with"), std::string::npos);
                  EXPECT_EQ(error.task(), future.id());
                  EXPECT_EQ(error.host(), "testhost");
                  EXPECT_NE(std::string{error.what()}.find("the machine is cold"), std::string::npos);
                }
              }
              EXPECT_THROW(remote<throw_number>().get(), TaskError);
            }),
            0);
  ASSERT_EQ(cluster.sink.failures.size(), 2U);
  EXPECT_EQ(cluster.sink.failures[1].type, "int");
}

TEST_P(Tasks, AFailureNobodyAskedForIsLoggedAndMakesTheExitCode1) {
  EXPECT_EQ(run([] { remote<fail_with>("nobody listens"); }), 1);
  EXPECT_NE(cluster.log().find("nobody listens"), std::string::npos);
  ASSERT_EQ(cluster.sink.failures.size(), 1U);
}

TEST_P(Tasks, TheJobWaitsForWorkWhoseFuturesAreGone) {
  static std::atomic<int> done;
  done = 0;
  EXPECT_EQ(run([] {
              for (int i = 0; i < 5; ++i) {
                remote([] {
                  std::this_thread::sleep_for(std::chrono::milliseconds{5});
                  remote([] { ++done; });
                });
              }
            }),
            0);
  EXPECT_EQ(done, 5);
}

TEST_P(Tasks, NestedTasksWaitForEachOtherWithoutDeadlock) {
  int got = 0;
  EXPECT_EQ(run([&] { got = remote<fibonacci>(10).get(); }), 0);
  EXPECT_EQ(got, 55);
}

TEST_P(Tasks, TooManyWaitingParentsAreAnErrorNotAHang) {
  EXPECT_EQ(run([] {
              EXPECT_EQ(remote<down>(50).get(), 50);
              EXPECT_THROW(remote<down>(300 * GetParam()).get(), TaskError);  // 256 a worker
            }),
            0);
}

std::atomic<int> quick_ones;
int quick_but_the_first(int i) {
  if (i == 0) {
    while (quick_ones < 1'000) std::this_thread::yield();
  } else {
    ++quick_ones;
  }
  return i;
}

// The first is sent with many behind it, as all before it were quick; these get past it.
TEST(TasksSentAhead, DoNotWaitBehindASlowOneWhileOthersHaveNothingToDo) {
  for (const auto& [ranks, lanes] : {std::pair{4, 1U}, {2, 2U}, {5, 3U}}) {
    LoopbackCluster cluster{ranks};
    cluster.options.lanes = lanes;
    EXPECT_EQ(cluster.run_all([] {
      std::vector<Future<int>> all;
      for (int i = 1; i < 3'000; ++i) all.push_back(remote<quick_but_the_first>(i));
      get(all);
      all.clear();
      quick_ones = 0;
      for (int i = 0; i <= 1'000; ++i) all.push_back(remote<quick_but_the_first>(i));
      get(all);
    }),
              0);
  }
}

TEST_P(Tasks, FuturesAreRegularValues) {
  EXPECT_EQ(run([] {
              const auto a = remote<square>(1);
              auto b = a;
              const auto c = remote<square>(2);
              EXPECT_EQ(a, b);
              EXPECT_NE(a, c);
              EXPECT_LT(a, c);
              const std::unordered_set<Future<int>> all{a, b, c};
              EXPECT_EQ(all.size(), 2U);
              b = c;
              EXPECT_EQ(b.get(), 4);
              EXPECT_EQ(a.get(), 1);
              EXPECT_TRUE(a.ready());
              EXPECT_THROW(Future<int>{}.get(), UsageError);
            }),
            0);
}

TEST_P(Tasks, ReadyTellsWithoutWaiting) {
  static std::atomic<bool> let_go;
  let_go = false;
  EXPECT_EQ(run([] {
              const auto slow = remote([] {
                while (!let_go) std::this_thread::yield();
              });
              EXPECT_FALSE(slow.ready());
              let_go = true;
              while (!slow.ready()) std::this_thread::yield();
              slow.get();
            }),
            0);
}

TEST_P(Tasks, KnowWhoTheyAre) {
  EXPECT_EQ(run([&] {
              EXPECT_EQ(this_task().id(), TaskId{});
              const auto future = remote([] { return std::pair{this_task().id().number, this_task().rank().number}; });
              const auto [id, rank] = future.get();
              EXPECT_EQ(TaskId{id}, future.id());
              EXPECT_EQ(rank >= (GetParam() > 2 ? 2 : GetParam() - 1), true);
            }),
            0);
}

TEST_P(Tasks, OptionsThatCannotBeMetAreRefused) {
  EXPECT_EQ(run([] {
              EXPECT_EQ(with(TaskOptions{.name = "seven squared", .priority = 3}).remote<square>(7).get(), 49);
              EXPECT_THROW(with(TaskOptions{.max_retries = -1}).remote<square>(7), UsageError);
              EXPECT_THROW(with(TaskOptions{.timeout = std::chrono::seconds{1}}).remote<square>(7), UsageError);
            }),
            0);
  EXPECT_TRUE(cluster.sink.numbers.contains("seven squared"));
}

TEST_P(Tasks, TheDriversOwnExceptionEndsTheJob) {
  EXPECT_EQ(run([] { throw std::runtime_error{"out of beans"}; }), 1);
  EXPECT_NE(cluster.sink.end.error.find("out of beans"), std::string::npos);
}

TEST_P(Tasks, WrongUsageInTheDriverEndsTheJobWith2) {
  EXPECT_EQ(run([] { throw UsageError{"no such drink"}; }), 2);
  EXPECT_EQ(cluster.sink.end.error, "no such drink");
}

TEST(TasksOutsideAJob, AreAUsageError) { EXPECT_THROW(remote<square>(1), UsageError); }

INSTANTIATE_TEST_SUITE_P(Ranks, Tasks, testing::Values(1, 2, 3, 6), testing::PrintToStringParamName());

}  // namespace
}  // namespace crema
