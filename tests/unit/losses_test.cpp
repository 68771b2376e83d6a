// Ranks that are lost in the middle of a job, over the loopback transport: it goes on, and ends with what an unbroken
// run ends with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/future.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

using Numbers = std::vector<double>;
constexpr std::size_t many = 20'000;  // 160 kB: it stays with the rank that made it

Numbers numbers(double first) {
  Numbers values(many);
  std::iota(values.begin(), values.end(), first);
  return values;
}
Numbers doubled(Numbers values) {
  for (double& value : values) value *= 2;
  return values;
}
double sum(const Numbers& values) { return std::accumulate(values.begin(), values.end(), 0.0); }
double sum_later(const Future<Numbers>& values) { return sum(values.get()); }
int plus_one(int value) { return value + 1; }
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = remote<fibonacci>(n - 1);
  const auto b = remote<fibonacci>(n - 2);
  return a.get() + b.get();
}
Future<int> passed_on(const Future<int>& value) { return value; }

class Keeper {
 public:
  void keep(Future<int> value) { kept_.push_back(std::move(value)); }
  int total() const {
    int total = 0;
    for (const Future<int>& value : kept_) total += value.get();
    return total;
  }

 private:
  std::vector<Future<int>> kept_;
};

/// Something of everything: nested tasks, large values in chains, references in arguments, results and an actor.
std::vector<double> program() {
  std::vector<double> results;
  const auto base = remote<numbers>(1);
  const auto stored = put(numbers(3));
  std::vector<Future<Numbers>> chain{remote<doubled>(base), remote<doubled>(stored)};
  for (int i = 0; i < 3; ++i) chain.push_back(remote<doubled>(chain[static_cast<std::size_t>(i)]));
  const auto nested = remote<fibonacci>(6);
  const auto keeper = actor<Keeper>();
  for (int i = 0; i < 4; ++i) keeper.remote<&Keeper::keep>(remote<plus_one>(i)).get();
  for (const auto& values : chain) results.push_back(remote<sum>(values).get() + remote<sum_later>(values).get());
  results.push_back(remote<passed_on>(remote<plus_one>(5)).get());
  results.push_back(nested.get());
  results.push_back(chain.back().get().back());
  results.push_back(keeper.remote<&Keeper::total>().get());
  return results;
}

class AtEveryPoint : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, AtEveryPoint, ::testing::Values(4, 5));

TEST_P(AtEveryPoint, TheJobGoesOnWithoutAWorkerAndEndsAsAnUnbrokenOne) {
  std::vector<double> expected;
  // How many packets there are depends on how the ranks take turns.
  std::size_t to_and_from_it = 0;
  {
    LoopbackCluster unbroken{GetParam()};
    ASSERT_EQ(unbroken.run_all([&] { expected = program(); }), 0);
    const RankId rank{GetParam() - 1};
    for (const auto& packet : unbroken.network.log())
      if (packet.from == rank || packet.to == rank) ++to_and_from_it;
  }
  int lost = 0;
  constexpr std::size_t points = 40;
  for (std::size_t point = 0; point < points; ++point) {
    const std::size_t packets = point * to_and_from_it / points;
    Losing job{GetParam(), RankId{GetParam() - 1}, packets};
    job.cluster.network.delay_up_to(static_cast<int>(packets % 7));
    job.lose_after(packets);
    std::vector<double> results;
    ASSERT_EQ(job.run([&] { results = program(); }), 0) << packets << ": " << job.cluster.sink.end.error;
    EXPECT_EQ(results, expected) << packets;
    EXPECT_EQ(job.cluster.objects_left, 0U) << packets;
    if (job.cluster.network.is_cut(job.lost)) ++lost;
  }
  EXPECT_GT(lost, 20);
}

int slow(int value) {
  std::this_thread::sleep_for(300ms);
  return value;
}

TEST(Losses, ALostAttemptIsARowAndTheRunTellsWhen) {
  Losing job{4, RankId{3}};
  EXPECT_EQ(job.run([&] {
    std::vector<Future<int>> values;
    for (int i = 0; i < 4; ++i) values.push_back(remote<slow>(i));
    std::this_thread::sleep_for(100ms);
    job.lose_now();
    EXPECT_THAT(get(values), ::testing::ElementsAre(0, 1, 2, 3));
    EXPECT_EQ(cluster().workers, 1);
    EXPECT_EQ(cluster().ranks, 3);
  }),
            0)
      << job.cluster.sink.end.error;
  EXPECT_TRUE(job.cluster.sink.end.lost_at.contains(RankId{3}));
  using record::TaskRow;
  EXPECT_THAT(job.cluster.sink.rows, Contains(::testing::AllOf(Field(&TaskRow::state, record::TaskState::lost),
                                                               Field(&TaskRow::rank, RankId{3}))));
  EXPECT_THAT(job.cluster.sink.rows, Contains(::testing::AllOf(Field(&TaskRow::state, record::TaskState::finished),
                                                               Field(&TaskRow::attempt, 1))));
}

TEST(Losses, WithoutRetriesTheTaskFailsAndSaysWhy) {
  Losing job{4, RankId{3}};
  EXPECT_EQ(job.run([&] {
    std::vector<Future<int>> values;
    for (int i = 0; i < 2; ++i) values.push_back(with(TaskOptions{.max_retries = 0}).remote<slow>(i));
    std::this_thread::sleep_for(100ms);
    job.lose_now();
    int failed = 0;
    for (const auto& value : values) {
      try {
        value.get();
      } catch (const WorkerLost& error) {
        EXPECT_THAT(error.what(), HasSubstr("the rank was lost"));
        EXPECT_THAT(error.what(), HasSubstr("rank 3 on testhost"));
        EXPECT_EQ(std::pair(error.rank(), error.host()), std::pair(RankId{3}, std::string{"testhost"}));
        ++failed;
      }
    }
    EXPECT_EQ(failed, 1);
  }),
            0)
      << job.cluster.sink.end.error;
}

TEST(Losses, TasksThatNoRankThatIsLeftCanRunFail) {
  Losing job{4, RankId{3}};
  job.cluster.resources_of[RankId{3}] = "scale=1";
  EXPECT_EQ(job.run([&] {
    const TaskOptions weighing{.resources = {.cpus = 1, .custom = {{"scale", 1}}}};
    // One that runs or is about to, one that waits for the scale, and one that waits for that.
    const auto first = with(weighing).remote<slow>(1);
    const auto second = with(weighing).remote<slow>(2);
    const auto third = with(weighing).remote<slow>(second);
    job.lose_now();
    for (const auto& value : {first, second, third}) {
      try {
        value.get();
        ADD_FAILURE() << "no rank has a scale";
      } catch (const TaskError& error) {
        EXPECT_THAT(error.what(), HasSubstr("scale"));
      }
    }
    EXPECT_EQ(remote<slow>(4).get(), 4);
  }),
            0)
      << job.cluster.sink.end.error;
}

TEST(Losses, TheLastWorkerEndsTheJob) {
  Losing job{3, RankId{2}};
  EXPECT_EQ(job.run([&] {
    const auto value = remote<slow>(1);
    job.lose_now();
    try {
      value.get();
    } catch (const Error&) {
      return;  // the job ends under it
    }
    ADD_FAILURE() << "nobody can have run it";
  }),
            1);
  EXPECT_THAT(job.cluster.sink.end.error, HasSubstr("the last rank that runs tasks"));
}

class Counter {
 public:
  int count() { return ++count_; }

 private:
  int count_ = 0;
};

TEST(Losses, AHistoryThatCannotBeReadBackEndsTheJob) {
  Losing job{4, RankId{1}};
  testing::MemoryJournal journal;
  journal.records.push_back({journal::RecordType{77}, {}});
  job.cluster.options.keeps_history = true;
  job.cluster.journal = &journal;
  EXPECT_EQ(job.run([&] {
    const auto counter = actor<Counter>();
    EXPECT_EQ(counter.remote<&Counter::count>().get(), 1);
    job.lose_now();
    try {
      static_cast<void>(counter.remote<&Counter::count>().get());
    } catch (const Error&) {
      return;  // the job ends under it
    }
    ADD_FAILURE() << "nobody can know the actor's state";
  }),
            1);
  EXPECT_THAT(job.cluster.sink.end.error,
              HasSubstr("building an actor anew: reading the journal: a record has type 77"));
}

int stubborn() {
  if (this_task().attempt() < 2) throw std::runtime_error{"not yet"};
  return static_cast<int>(this_task().attempt());
}
int hopeless() { throw std::runtime_error{"never"}; }

TEST(Losses, ExceptionsAreRetriedWhereAsked) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([&] {
    EXPECT_EQ(with(TaskOptions{.retry_exceptions = true}).remote<stubborn>().get(), 2);
    try {
      with(TaskOptions{.max_retries = 2, .retry_exceptions = true}).remote<hopeless>().get();
      ADD_FAILURE();
    } catch (const TaskError& error) {
      EXPECT_EQ(error.message(), "never (after 3 attempts)");
    }
    EXPECT_THROW(remote<hopeless>().get(), TaskError);
  }),
            0);
  EXPECT_EQ(job.sink.rows.size(), 3U + 3U + 1U);
}

}  // namespace
}  // namespace crema
