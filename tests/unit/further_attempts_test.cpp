// Attempts that follow one that has failed are told what that one was told, in the same order, and what it had started
// is not done a second time.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> may_go_on;

class Till {
 public:
  int add(int amount) {
    ++calls_;
    return sum_ += amount;
  }
  int calls() const { return calls_; }
  int sum() const { return sum_; }

 private:
  int sum_ = 0;
  int calls_ = 0;
};

int soon(int value) { return value; }
int late(int value) {
  while (!may_go_on) std::this_thread::sleep_for(1ms);
  return value;
}

/// All are there before the attempt fails, so that the next one finds them so.
template <class T>
void fail_once(const std::vector<Future<T>>& started) {
  if (this_task().attempt() > 0) return;
  may_go_on = true;
  wait(started, {.count = started.size()});
  throw std::runtime_error{"not yet"};
}

void tell_in_order(Actor<Till> till) {
  const std::vector<Future<int>> started{remote<late>(1), put(2), remote<soon>(3)};
  if (this_task().attempt() == 0) wait(std::vector{started[2]}, {});
  int weight = 1;
  for (const auto& value : as_completed(started)) {
    till.remote<&Till::add>(weight * value.get()).get();
    if (value == started[2]) fail_once(started);
    weight *= 10;
  }
}

void tell_first(Actor<Till> till) {
  const std::vector<Future<int>> started{remote<late>(1), remote<soon>(2)};
  const auto first = wait(started, {.count = 1}).ready.at(0);
  till.remote<&Till::add>(first.get()).get();
  fail_once(started);
}

int add(Actor<Till> till) {
  while (!may_go_on) std::this_thread::sleep_for(1ms);
  return till.remote<&Till::add>(1).get();
}
/// Has called nobody when it ends.
std::vector<Future<int>> start_one_that_adds(Actor<Till> till) { return {remote<add>(till)}; }

void let_grandchild_add(Actor<Till> till) { fail_once(remote<start_one_that_adds>(till).get()); }

class FurtherAttempts : public ::testing::TestWithParam<bool> {
 protected:
  FurtherAttempts() { may_go_on = false; }

  struct Told {
    int calls = 0;
    int sum = 0;
  };
  /// What an actor was told by a task of which an attempt fails.
  template <auto task>
  Told run() {
    Told told;
    LoopbackCluster job{4};
    crema::testing::MemoryJournal journal;
    if (GetParam()) {
      job.options.keeps_history = true;
      job.journal = &journal;
    }
    EXPECT_EQ(job.run_all([&told] {
      const auto till = actor<Till>();
      with(TaskOptions{.retry_exceptions = true}).remote<task>(till).get();
      told = {till.remote<&Till::calls>().get(), till.remote<&Till::sum>().get()};
    }),
              0)
        << job.sink.end.error;
    return told;
  }
};
INSTANTIATE_TEST_SUITE_P(Journals, FurtherAttempts, ::testing::Bool(),
                         [](const auto& journal) { return journal.param ? "On" : "Off"; });

TEST_P(FurtherAttempts, HearOfCompletionsInTheSameOrder) {
  const Told told = run<tell_in_order>();
  EXPECT_EQ(told.calls, 3);
  EXPECT_EQ(told.sum, 2 + 30 + 100);
}

TEST_P(FurtherAttempts, AreAnsweredTheSame) {
  const Told told = run<tell_first>();
  EXPECT_EQ(told.calls, 1);
  EXPECT_EQ(told.sum, 2);
}

TEST_P(FurtherAttempts, DoNotRepeatWhatAChildHasStartedThatHasEnded) {
  const Told told = run<let_grandchild_add>();
  EXPECT_EQ(told.calls, 1);
  EXPECT_EQ(told.sum, 1);
}

}  // namespace
}  // namespace crema
