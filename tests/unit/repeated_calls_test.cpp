// Calls of actors without a history that a further attempt of a task makes again, over the loopback transport: each
// counts once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::atomic<int> applied;  // by all actors
std::atomic<int> attempts_begun;
std::atomic<bool> may_go_on;

class Till {
 public:
  int add(int amount) {
    ++calls_;
    ++applied;
    return sum_ += amount;
  }
  int add_late(int amount) {
    while (!may_go_on) std::this_thread::sleep_for(1ms);
    return add(amount);
  }
  int refuse() {
    ++calls_;
    throw std::runtime_error{"closed"};
  }
  int calls() const { return calls_; }
  int sum() const { return sum_; }

 private:
  int sum_ = 0;
  int calls_ = 0;
};

/// Throws in its first attempts.
void fail_until(std::uint32_t attempt) {
  if (this_task().attempt() < attempt) throw std::runtime_error{"not yet"};
}
const TaskOptions again{.retry_exceptions = true};

int add_and_fail(Actor<Till> till, int amount) {
  const int first = till.remote<&Till::add>(amount).get();
  const int second = till.remote<&Till::add>(amount).get();
  till.remote<&Till::add>(amount);
  fail_until(2);
  return 100 * first + second;
}
int child_adds(Actor<Till> till, int amount) { return till.remote<&Till::add>(amount).get(); }
int start_child_and_fail(Actor<Till> till, int amount) {
  const int value = remote<child_adds>(till, amount).get();
  fail_until(2);
  return value;
}
int call_late_and_fail(Actor<Till> till, int amount) {
  const auto late = till.remote<&Till::add_late>(amount);
  if (this_task().attempt() == 1) may_go_on = true;
  fail_until(1);
  return late.get();
}
std::string catch_and_fail(Actor<Till> till) {
  std::string message;
  try {
    till.remote<&Till::refuse>().get();
  } catch (const ActorError& error) {
    message = error.what();
  }
  fail_until(1);
  return message;
}
int add_in_pool_and_fail() {
  const ActorPool<Till> pool{3};
  for (const auto& added : pool.map<&Till::add>(std::vector{1, 2, 3})) added.get();
  fail_until(2);
  int sum = 0;
  for (const auto& member : pool.members()) sum += member.remote<&Till::sum>().get();
  return sum;
}
void add_often_and_fail(Actor<Till> till, int times) {
  std::vector<Future<int>> added;
  for (int i = 0; i < times; ++i) added.push_back(till.remote<&Till::add>(1));
  get(added);
  fail_until(1);
}
/// Does not wait for them.
void call_and_leave(Actor<Till> till) {
  till.remote<&Till::add_late>(1);
  fail_until(1);
}
void call_pool_and_leave() {
  const ActorPool<Till> pool{1};
  const auto added = pool.map<&Till::add>(std::vector{1, 2, 3});
  if (this_task().attempt() == 0) added.front().get();
  fail_until(1);
}
Future<int> pass_on_and_fail(Actor<Till> till, int amount) {
  const auto added = till.remote<&Till::add>(amount);
  fail_until(1);
  return added;
}
/// Waits in its first attempt until that is lost.
int add_and_wait(Actor<Till> till, int amount) {
  const int sum = till.remote<&Till::add>(amount).get();
  ++attempts_begun;
  while (!may_go_on) std::this_thread::sleep_for(1ms);
  return sum;
}

class RepeatedCalls : public ::testing::TestWithParam<bool> {
 protected:
  RepeatedCalls() {
    applied = 0;
    attempts_begun = 0;
    may_go_on = false;
  }
  /// Of a job with a journal, or without one.
  void choose_history(LoopbackCluster& job) {
    if (!GetParam()) return;
    job.options.keeps_history = true;
    job.journal = &journal_;
  }
  static Actor<Till> till() { return with(ActorOptions{.durable = false}).actor<Till>(); }
  void run(const std::function<void()>& driver) {
    LoopbackCluster job{4};
    choose_history(job);
    EXPECT_EQ(job.run_all(driver), 0) << job.sink.end.error;
  }

 private:
  crema::testing::MemoryJournal journal_;
};
INSTANTIATE_TEST_SUITE_P(Journals, RepeatedCalls, ::testing::Bool(),
                         [](const auto& journal) { return journal.param ? "On" : "Off"; });

TEST_P(RepeatedCalls, OfAnAttemptThatHasThrown) {
  run([] {
    const auto register_ = till();
    EXPECT_EQ(with(again).remote<add_and_fail>(register_, 5).get(), 510);
    EXPECT_EQ(register_.remote<&Till::sum>().get(), 15);
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 3);
    EXPECT_EQ(remote<child_adds>(register_, 1).get(), 16);
    EXPECT_EQ(remote<child_adds>(register_, 1).get(), 17);
  });
}

TEST_P(RepeatedCalls, OfATaskThatItHadStarted) {
  run([] {
    const auto register_ = till();
    EXPECT_EQ(with(again).remote<start_child_and_fail>(register_, 5).get(), 5);
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 1);
  });
}

TEST_P(RepeatedCalls, ThatHaveNotEnded) {
  run([] {
    const auto register_ = till();
    EXPECT_EQ(with(again).remote<call_late_and_fail>(register_, 5).get(), 5);
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 1);
  });
}

TEST_P(RepeatedCalls, ThatHaveFailed) {
  run([] {
    const auto register_ = till();
    EXPECT_THAT(with(again).remote<catch_and_fail>(register_).get(), HasSubstr("closed"));
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 1);
  });
}

TEST_P(RepeatedCalls, OfAPool) {
  run([] { EXPECT_EQ(with(again).remote<add_in_pool_and_fail>().get(), 6); });
}

TEST_P(RepeatedCalls, OfALostWorker) {
  Losing job{5, RankId{4}};
  choose_history(job.cluster);
  EXPECT_EQ(job.run([&] {
    const auto register_ = till();
    std::vector<Future<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(remote<add_and_wait>(register_, 1 + i));
    while (attempts_begun < 3) std::this_thread::sleep_for(1ms);
    job.lose_now();
    while (cluster().ranks == 5) std::this_thread::sleep_for(1ms);
    may_go_on = true;
    get(tasks);
    EXPECT_EQ(register_.remote<&Till::sum>().get(), 6);
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 3);
  }),
            0)
      << job.cluster.sink.end.error;
}

TEST_P(RepeatedCalls, AreNoFurtherOnesHoweverMany) {
  run([] {
    const auto register_ = till();
    with(again).remote<add_often_and_fail>(register_, 60'000).get();
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 60'000);
  });
}

TEST_P(RepeatedCalls, ForWhichNobodyWaitsAreAppliedBeforeTheJobEnds) {
  std::thread later;
  run([&later] {
    with(again).remote<call_and_leave>(till()).get();
    later = std::thread{[] {
      std::this_thread::sleep_for(200ms);
      may_go_on = true;
    }};
  });
  later.join();
  EXPECT_EQ(applied, 1);
}

TEST_P(RepeatedCalls, OfAPoolForWhichNobodyWaits) {
  run([] { with(again).remote<call_pool_and_leave>().get(); });
  EXPECT_EQ(applied, 3);
}

TEST_P(RepeatedCalls, OfWhichTheHeadHearsAfterTheirTaskHasEnded) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    LoopbackCluster job{4, seed};
    choose_history(job);
    job.network.delay_up_to(20);
    EXPECT_EQ(job.run_all([] {
      const auto register_ = till();
      EXPECT_EQ(with(again).remote<pass_on_and_fail>(register_, 5).get(), 5);
      for (int i = 0; i < 5; ++i) with(again).remote<add_and_fail>(register_, i).get();
      EXPECT_EQ(register_.remote<&Till::calls>().get(), 16);
    }),
              0)
        << "seed " << seed << ": " << job.sink.end.error << job.log();
  }
}

TEST_P(RepeatedCalls, WhoHasMadeTooManyToRememberIsNotTriedAgain) {
  run([] {
    const auto register_ = till();
    try {
      with(again).remote<add_often_and_fail>(register_, 100'001).get();
      ADD_FAILURE() << "it must not make them again";
    } catch (const TaskError& error) {
      EXPECT_THAT(error.what(), HasSubstr("is not tried again: it has made at least 100000 calls"));
    }
    EXPECT_EQ(register_.remote<&Till::calls>().get(), 100'001);
  });
}

}  // namespace
}  // namespace crema
