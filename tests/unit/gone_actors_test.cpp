// Actors whose rank is lost and which nobody can build anew, over the loopback transport: their calls fail, and the job
// goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
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
using ::testing::AllOf;
using ::testing::HasSubstr;

std::atomic<int> begun;
std::atomic<bool> may_go_on;

/// Runs until the test lets it, or 10 s have passed.
void hold() {
  ++begun;
  for (int i = 0; i < 10'000 && !may_go_on; ++i) std::this_thread::sleep_for(1ms);
}
void wait_for(int count) {
  for (int i = 0; i < 10'000 && begun < count; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_GE(begun, count);
}

class Till {
 public:
  int add(int amount) { return sum_ += amount; }
  int hold_and_add(int amount) {
    hold();
    return add(amount);
  }
  /// Tells another, and is held up.
  int pass_on(Actor<Till> other, int amount) {
    other.remote<&Till::add>(amount).get();
    return hold_and_add(amount);
  }
  int sum() const { return sum_; }
  int rank() const { return this_task().rank().number; }

 private:
  int sum_ = 0;
};

class Slow {
 public:
  Slow() { hold(); }
  int answer() const { return 42; }
};

int add_later(Actor<Till> till, int amount) { return till.remote<&Till::add>(amount).get(); }
int add_and_tell(Actor<Till> till, int amount) {
  const auto added = till.remote<&Till::add>(amount);
  ++begun;
  return added.get();
}
void add_unheard(Actor<Till> till, int amount) { till.remote<&Till::add>(amount); }
int one() { return 1; }

/// What the call failed with; empty if it did not.
template <class T>
std::string failure(const Future<T>& call) {
  try {
    call.get();
    return {};
  } catch (const ActorError& error) {
    return error.what();
  }
}

class GoneActors : public ::testing::Test {
 protected:
  GoneActors() {
    begun = 0;
    may_go_on = false;
  }
  void run(Losing& job, const std::function<void()>& driver, int exit_code = 0) {
    EXPECT_EQ(job.run([&] {
      driver();
      may_go_on = true;
    }),
              exit_code)
        << job.cluster.sink.end.error;
    EXPECT_TRUE(job.cluster.sink.end.lost_at.contains(job.lost));
  }
  /// Of a job with a journal.
  void keep_history(Losing& job) {
    job.cluster.options.keeps_history = true;
    job.cluster.journal = &journal_;
  }
  static auto says_why() { return AllOf(HasSubstr("Till was lost with rank 1"), HasSubstr("is in no history")); }

 private:
  crema::testing::MemoryJournal journal_;
};

TEST_F(GoneActors, ACallThatRunsAndThoseBehindItFail) {
  Losing job{4, RankId{1}};
  run(job, [&] {
    const auto till = actor<Till>();
    EXPECT_EQ(till.remote<&Till::add>(1).get(), 1);
    std::vector<Future<int>> calls{till.remote<&Till::hold_and_add>(1)};
    for (int i = 0; i < 500; ++i) calls.push_back(till.remote<&Till::add>(1));
    calls.push_back(remote<add_later>(till, 1));
    wait_for(1);
    job.lose_now();
    for (std::size_t i = 0; i + 1 < calls.size(); ++i) ASSERT_THAT(failure(calls[i]), says_why());
    EXPECT_THROW(calls.back().get(), TaskError);
    EXPECT_EQ(remote<one>().get(), 1);
  });
  EXPECT_THAT(job.cluster.log(), HasSubstr("but 1 of its actors, whose calls fail with ActorError"));
}

TEST_F(GoneActors, CallsThatAreMadeLaterFailWhereverTheyAreMade) {
  Losing job{4, RankId{1}};
  run(job, [&] {
    const auto till = with(ActorOptions{.name = "till"}).actor<Till>();
    EXPECT_EQ(till.remote<&Till::add>(1).get(), 1);
    job.lose_now();
    EXPECT_THAT(failure(till.remote<&Till::add>(1)), says_why());
    EXPECT_THAT(failure(till.remote<&Till::add>(remote<one>())), says_why());
    try {
      remote<add_later>(till, 1).get();
      ADD_FAILURE() << "the actor is gone";
    } catch (const TaskError& error) {
      EXPECT_THAT(error.what(), says_why());
    }
    EXPECT_THROW(find_actor<Till>("till"), UsageError);
    const auto other = with(ActorOptions{.name = "till"}).actor<Till>();
    EXPECT_EQ(find_actor<Till>("till").remote<&Till::add>(5).get(), 5);
    till.kill();
    EXPECT_EQ(other.remote<&Till::add>(5).get(), 10);
  });
}

TEST_F(GoneActors, CallsThatHaveEndedAreNotMadeAgain) {
  Losing job{4, RankId{1}};
  run(job, [&] {
    const auto till = actor<Till>();
    std::vector<Future<int>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(till.remote<&Till::add>(1));
    EXPECT_EQ(calls.back().get(), 1000);
    job.lose_now();
    EXPECT_THAT(failure(till.remote<&Till::sum>()), says_why());
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(calls[static_cast<std::size_t>(i)].get(), i + 1);
  });
  EXPECT_EQ(job.cluster.sink.failures.size(), 1U);
}

TEST_F(GoneActors, AConstructorThatHasNotEndedHasFailed) {
  Losing job{4, RankId{1}};
  run(job, [&] {
    const auto slow = actor<Slow>();
    const auto call = slow.remote<&Slow::answer>();
    wait_for(1);
    job.lose_now();
    EXPECT_THAT(failure(call), HasSubstr("Slow was lost with rank 1"));
  });
}

TEST_F(GoneActors, AConstructorThatHasNotEndedIsToldThoughNobodyHasCalled) {
  Losing job{4, RankId{1}};
  run(
      job,
      [&] {
        actor<Slow>();
        wait_for(1);
        job.lose_now();
        while (cluster().ranks == 4) std::this_thread::sleep_for(1ms);
      },
      1);
  EXPECT_THAT(job.cluster.log(), HasSubstr("Slow was lost with rank 1"));
}

TEST_F(GoneActors, TheOthersOfAPoolDoWhatWaits) {
  Losing job{5, RankId{1}};
  job.cluster.actor_ranks = 2;
  run(job, [&] {
    const ActorPool<Till> pool{2};
    std::vector<int> inputs(2, 1);
    const auto held = pool.map<&Till::hold_and_add>(inputs);
    const auto waiting = pool.map<&Till::add>(std::vector<int>(50, 0));
    wait_for(2);
    job.lose_now();
    while (cluster().ranks == 5) std::this_thread::sleep_for(1ms);
    may_go_on = true;
    EXPECT_EQ(failure(held[0]).empty() + failure(held[1]).empty(), 1);
    for (const auto& call : waiting) EXPECT_EQ(call.get(), 1);
  });
}

TEST_F(GoneActors, APoolOfWhichNobodyIsLeftFails) {
  Losing job{4, RankId{1}};
  run(job, [&] {
    const ActorPool<Till> pool{2};
    const auto held = pool.map<&Till::hold_and_add>(std::vector<int>(2, 1));
    const auto waiting = pool.map<&Till::add>(std::vector<int>(50, 0));
    wait_for(2);
    job.lose_now();
    for (const auto& calls : {held, waiting})
      for (const auto& call : calls) EXPECT_THAT(failure(call), says_why());
    EXPECT_THAT(failure(pool.map<&Till::add>(std::vector{1}).front()), says_why());
  });
}

TEST_F(GoneActors, AnActorWithAHistoryIsBuiltAnewBesideThem) {
  Losing job{4, RankId{1}};
  keep_history(job);
  run(job, [&] {
    const auto durable = actor<Till>();
    const auto till = with(ActorOptions{.durable = false}).actor<Till>();
    EXPECT_EQ(durable.remote<&Till::add>(1).get(), 1);
    EXPECT_EQ(till.remote<&Till::add>(1).get(), 1);
    const auto held = till.remote<&Till::hold_and_add>(1);
    wait_for(1);
    job.lose_now();
    EXPECT_EQ(durable.remote<&Till::add>(1).get(), 2);
    EXPECT_THAT(failure(held), says_why());
    EXPECT_THAT(failure(till.remote<&Till::add>(1)), says_why());
    EXPECT_EQ(durable.remote<&Till::add>(1).get(), 3);
  });
}

TEST_F(GoneActors, AnActorWhoseRestartsAreUsedUpIsGone) {
  Losing job{4, RankId{1}};
  keep_history(job);
  run(job, [&] {
    const auto till = with(ActorOptions{.max_restarts = 0}).actor<Till>();
    const auto slow = with(ActorOptions{.max_restarts = 0}).actor<Slow>();
    EXPECT_EQ(till.remote<&Till::add>(1).get(), 1);
    std::vector<Future<int>> calls{till.remote<&Till::hold_and_add>(1)};
    for (int i = 0; i < 10; ++i) calls.push_back(till.remote<&Till::add>(1));
    wait_for(2);
    job.lose_now();
    for (const auto& call : calls) EXPECT_THAT(failure(call), HasSubstr("as often as its ActorOptions::max_restarts"));
    EXPECT_THAT(failure(till.remote<&Till::add>(1)), HasSubstr("as often as its ActorOptions::max_restarts"));
    EXPECT_THAT(failure(slow.remote<&Slow::answer>()), HasSubstr("as often as its ActorOptions::max_restarts"));
  });
}

TEST_F(GoneActors, NobodyWaitsForCallsThatALostMethodHasMade) {
  Losing job{5, RankId{1}};
  job.cluster.actor_ranks = 2;
  run(job, [&] {
    const auto till = actor<Till>();
    const auto other = actor<Till>();
    ASSERT_EQ(till.remote<&Till::rank>().get(), 1);
    ASSERT_EQ(other.remote<&Till::rank>().get(), 2);
    const auto call = till.remote<&Till::pass_on>(other, 7);
    wait_for(1);
    job.lose_now();
    EXPECT_THAT(failure(call), says_why());
    EXPECT_EQ(other.remote<&Till::sum>().get(), 7);
  });
}

TEST_F(GoneActors, RoomInTheirMailboxesIsThereForAllWhoWait) {
  for (const bool durable : {false, true}) {
    begun = 0;
    may_go_on = false;
    Losing job{4, RankId{1}};
    keep_history(job);
    run(job, [&] {
      const auto till = with(ActorOptions{.max_pending_calls = 1, .durable = durable}).actor<Till>();
      const auto held = till.remote<&Till::hold_and_add>(1);
      wait_for(1);
      std::thread loses{[&] {
        std::this_thread::sleep_for(50ms);
        job.lose_now();
        may_go_on = durable;
      }};
      std::vector<Future<int>> calls;
      for (int i = 0; i < 5; ++i) calls.push_back(till.remote<&Till::add>(1));
      loses.join();
      for (int i = 0; i < 5; ++i) {
        const Future<int>& call = calls[static_cast<std::size_t>(i)];
        if (durable) {
          EXPECT_EQ(call.get(), i + 2);
        } else {
          EXPECT_THAT(failure(call), says_why());
        }
      }
      EXPECT_EQ(failure(held).empty(), durable);
    });
  }
}

TEST_F(GoneActors, ATaskOfALostWorkerCallsAgain) {
  Losing job{5, RankId{4}};
  run(job, [&] {
    const auto till = actor<Till>();
    const auto held = till.remote<&Till::hold_and_add>(1);
    wait_for(1);
    std::vector<Future<int>> calls;
    for (int i = 0; i < 3; ++i) calls.push_back(remote<add_and_tell>(till, 10));
    wait_for(4);
    std::this_thread::sleep_for(50ms);  // until they are in the mailbox
    job.lose_now();
    while (cluster().ranks == 5) std::this_thread::sleep_for(1ms);
    may_go_on = true;
    get(calls);
    EXPECT_EQ(till.remote<&Till::sum>().get(), 31);
  });
}

TEST_F(GoneActors, CallsThatNobodyCanSendAgainEndTheJob) {
  Losing job{5, RankId{4}};
  Process host;
  job.cluster.pids[RankId{1}] = host.pid();
  job.cluster.options.stall_after = 100ms;
  run(
      job,
      [&] {
        const auto till = actor<Till>();
        const auto held = till.remote<&Till::hold_and_add>(1);
        wait_for(1);
        // On each of the workers.
        std::vector<Future<void>> told;
        for (int i = 0; i < 20; ++i) told.push_back(remote<add_unheard>(till, 1));
        get(told);
        job.lose_now();
        while (cluster().ranks == 5) std::this_thread::sleep_for(1ms);
        job.cluster.network.cut(RankId{1}, job.end_of_rank());
        host.end();
        EXPECT_THAT(failure(held), says_why());
      },
      1);
  EXPECT_THAT(job.cluster.sink.end.error, HasSubstr("actor calls that lost ranks had made have never arrived"));
}

TEST_F(GoneActors, WhoAnswersForThemMayBeLostAsWell) {
  Losing job{5, RankId{1}};
  Process next;
  job.cluster.actor_ranks = 2;
  job.cluster.pids[RankId{2}] = next.pid();
  run(job, [&] {
    const auto till = actor<Till>();
    EXPECT_EQ(till.remote<&Till::rank>().get(), 1);
    job.lose_now();
    EXPECT_THAT(failure(till.remote<&Till::add>(1)), says_why());
    job.cluster.network.cut(RankId{2}, job.end_of_rank());
    next.end();
    while (cluster().ranks > 3) std::this_thread::sleep_for(1ms);
    EXPECT_THAT(failure(till.remote<&Till::add>(1)), HasSubstr("is in no history"));
  });
}

/// A job of two actor ranks, of which the first alone has what some actors need, and loses it.
struct LosingResources : Losing {
  LosingResources() : Losing{5, RankId{1}} {
    cluster.actor_ranks = 2;
    cluster.resources_of[RankId{1}] = "scale=2";
  }
};
const ActorOptions on_the_scale{.resources = {.cpus = 0, .custom = {{"scale", 2}}}};

TEST_F(GoneActors, ThatNoRankThatIsLeftCanHoldFailTheirCalls) {
  for (const bool history : {false, true}) {
    SCOPED_TRACE(history);
    LosingResources job;
    if (history) keep_history(job);
    run(job, [&] {
      const auto till = with(on_the_scale).actor<Till>();
      const auto waiting = with(on_the_scale).actor<Till>();  // there is one scale
      EXPECT_EQ(till.remote<&Till::rank>().get(), 1);
      const auto call = waiting.remote<&Till::add>(5);
      job.lose_now();
      for (const auto& lost : {till, waiting}) {
        try {
          lost.remote<&Till::sum>().get();
          ADD_FAILURE() << "no rank has a scale";
        } catch (const ActorError& error) {
          EXPECT_THAT(error.what(), HasSubstr(history || lost == waiting ? "scale" : "is in no history"));
        }
      }
      EXPECT_THROW(call.get(), ActorError);
      EXPECT_EQ(actor<Till>().remote<&Till::add>(2).get(), 2);
    });
  }
}

}  // namespace
}  // namespace crema
