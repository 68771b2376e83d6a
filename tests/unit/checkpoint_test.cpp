// Tasks that go on from a state they have kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Ledger {
 public:
  void add(int amount) { amounts_.push_back(amount); }
  std::vector<int> amounts() const { return amounts_; }

 private:
  std::vector<int> amounts_;
};

std::atomic<int> steps_run = 0;
std::atomic<bool> fails = false;

struct Progress {
  int step = 0;
  std::vector<std::uint64_t> numbers;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& step& numbers;
  }
};

/// Fails behind each of its checkpoints once.
std::vector<std::uint64_t> in_steps(Actor<Ledger> ledger) {
  Progress progress = this_task().restore<Progress>().value_or(Progress{});
  while (progress.step < 4) {
    ++steps_run;
    ledger.remote<&Ledger::add>(progress.step);
    progress.numbers.push_back(this_task().rng()());
    ++progress.step;
    this_task().checkpoint(progress);
    if (fails && progress.step == static_cast<int>(this_task().attempt()) + 1) throw std::runtime_error{"later"};
  }
  return progress.numbers;
}

class Checkpoints : public testing::TestWithParam<int> {
 protected:
  LoopbackCluster cluster{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Ranks, Checkpoints, testing::Values(1, 3));

TEST_P(Checkpoints, AFurtherAttemptGoesOnBehindThem) {
  std::vector<std::uint64_t> whole;
  std::vector<std::uint64_t> in_attempts;
  EXPECT_EQ(cluster.run_all([&] {
    const auto ledger = actor<Ledger>();
    fails = false;
    whole = remote<in_steps>(ledger).get();
  }),
            0);
  LoopbackCluster again{GetParam()};
  steps_run = 0;
  EXPECT_EQ(again.run_all([&] {
    const auto ledger = actor<Ledger>();
    fails = true;
    in_attempts = with(TaskOptions{.max_retries = 4, .retry_exceptions = true}).remote<in_steps>(ledger).get();
    // The task's calls may still be on their way when another caller looks.
    while (ledger.remote<&Ledger::amounts>().get().size() < 4) std::this_thread::yield();
    EXPECT_THAT(ledger.remote<&Ledger::amounts>().get(), ElementsAre(0, 1, 2, 3));
  }),
            0)
      << again.sink.end.error;
  EXPECT_EQ(steps_run, 4);
  EXPECT_EQ(in_attempts, whole);
}

TEST_P(Checkpoints, BelongToTasksAlone) {
  EXPECT_EQ(cluster.run_all([] {
    const auto what = [](const auto& action) -> std::string {
      try {
        action();
      } catch (const UsageError& error) {
        return error.what();
      }
      return "nothing";
    };
    EXPECT_THAT(what([] { this_task().checkpoint(1); }), HasSubstr("outside of a task"));
    EXPECT_THAT(what([] { static_cast<void>(this_task().restore<int>()); }), HasSubstr("outside of a task"));
  }),
            0);
}

int without() { return this_task().restore<int>().value_or(7); }

TEST_P(Checkpoints, WithoutOneThereIsNothing) {
  EXPECT_EQ(cluster.run_all([] { EXPECT_EQ(remote<without>().get(), 7); }), 0);
}

}  // namespace
}  // namespace crema
