#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "loopback_cluster.hpp"
#include "wire/frame.hpp"

namespace crema {
namespace {

class Ledger {
 public:
  Ledger() = default;
  explicit Ledger(int start) : total_{start} {}

  void add(int amount) { total_ += amount; }
  int total() const { return total_; }
  void append(int number) { order_.push_back(number); }
  std::vector<int> order() const { return order_; }
  void spoil(int amount) {
    total_ += amount;
    throw std::domain_error{"spilt milk"};
  }
  int total_by_task() {
    return remote([](int total) { return total * 2; }, total_).get();
  }
  int total_of(Actor<Ledger> other) { return other.remote<&Ledger::total>().get(); }

 private:
  int total_ = 0;
  std::vector<int> order_;
};

class Broken {
 public:
  Broken() { throw std::runtime_error{"no power"}; }
  int value() { return 1; }
};

void add_from_task(Actor<Ledger> ledger, int times) {
  for (int i = 0; i < times; ++i) ledger.remote<&Ledger::add>(1);
}

class Actors : public testing::TestWithParam<int> {
 protected:
  int run(std::function<void()> driver) { return cluster.run_all(std::move(driver)); }
  LoopbackCluster cluster{GetParam()};
};

TEST_P(Actors, KeepStateBetweenCalls) {
  EXPECT_EQ(run([] {
              auto ledger = actor<Ledger>(10);
              for (int i = 1; i <= 4; ++i) ledger.remote<&Ledger::add>(i);
              EXPECT_EQ(ledger.remote<&Ledger::total>().get(), 20);
            }),
            0);
  ASSERT_EQ(cluster.sink.actors.size(), 1U);
  EXPECT_EQ(cluster.sink.actors[0].calls, 5U);
  EXPECT_EQ(cluster.sink.actors[0].rank, RankId{GetParam() > 2 ? 1 : 0});
  EXPECT_NE(cluster.sink.actors[0].class_name.find("Ledger"), std::string::npos);
}

TEST_P(Actors, ApplyTheCallsOfOneCallerInTheOrderMade) {
  cluster.network.delay_up_to(3);
  EXPECT_EQ(run([] {
              auto ledger = actor<Ledger>();
              std::vector<int> expected;
              for (int i = 0; i < 500; ++i) {
                ledger.remote<&Ledger::append>(i);
                expected.push_back(i);
              }
              EXPECT_EQ(ledger.remote<&Ledger::order>().get(), expected);
            }),
            0);
}

TEST_P(Actors, AreCalledStraightFromTasks) {
  EXPECT_EQ(run([] {
              auto ledger = actor<Ledger>();
              std::vector<Future<void>> tasks;
              for (int i = 0; i < 20; ++i) tasks.push_back(remote<add_from_task>(ledger, 10));
              get(tasks);
            }),
            0);
  // The job waits for calls that tasks made and nobody waited for.
  ASSERT_EQ(cluster.sink.actors.size(), 1U);
  EXPECT_EQ(cluster.sink.actors[0].calls, 200U);
}

TEST_P(Actors, CallTasksAndOtherActors) {
  EXPECT_EQ(run([] {
              auto first = actor<Ledger>(21);
              auto second = actor<Ledger>();
              EXPECT_EQ(first.remote<&Ledger::total_by_task>().get(), 42);
              EXPECT_EQ(second.remote<&Ledger::total_of>(first).get(), 21);
            }),
            0);
}

TEST_P(Actors, LiveOnAfterAMethodThrew) {
  EXPECT_EQ(run([] {
              auto ledger = actor<Ledger>();
              try {
                ledger.remote<&Ledger::spoil>(5).get();
                FAIL() << "no exception";
              } catch (const ActorError& error) {
                EXPECT_EQ(error.type(), "std::domain_error");
                EXPECT_EQ(error.message(), "spilt milk");
                EXPECT_NE(error.function().find("spoil"), std::string::npos);
              }
              EXPECT_EQ(ledger.remote<&Ledger::total>().get(), 5);
            }),
            0);
}

TEST_P(Actors, AConstructorThatThrowsFailsEveryCall) {
  EXPECT_EQ(run([] {
              auto broken = actor<Broken>();
              try {
                broken.remote<&Broken::value>().get();
                FAIL() << "no exception";
              } catch (const ActorError& error) {
                EXPECT_NE(error.message().find("no power"), std::string::npos);
              }
            }),
            0);
}

TEST_P(Actors, AConstructorThatThrowsUnheardMakesTheExitCode1) {
  EXPECT_EQ(run([] { actor<Broken>(); }), 1);
  EXPECT_NE(cluster.log().find("no power"), std::string::npos);
}

TEST_P(Actors, AreFoundByName) {
  EXPECT_EQ(run([] {
              EXPECT_THROW(find_actor<Ledger>("till"), UsageError);
              auto ledger = with(ActorOptions{.name = "till"}).actor<Ledger>(7);
              EXPECT_EQ(find_actor<Ledger>("till"), ledger);
              EXPECT_EQ(find_actor<Ledger>("till").remote<&Ledger::total>().get(), 7);
              EXPECT_EQ(remote([] { return find_actor<Ledger>("till").remote<&Ledger::total>().get(); }).get(), 7);
              EXPECT_THROW(with(ActorOptions{.name = "till"}).actor<Ledger>(), UsageError);
              EXPECT_THROW(find_actor<Broken>("till"), UsageError);
              EXPECT_EQ(ledger.remote<&Ledger::total>().get(), 7);
            }),
            0);
}

TEST_P(Actors, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(run([] {
              EXPECT_THROW(with(ActorOptions{.resources = {.cpus = 2}}).actor<Ledger>(), UsageError);
              EXPECT_THROW(with(ActorOptions{.max_restarts = -1}).actor<Ledger>(), UsageError);
              EXPECT_THROW(with(ActorOptions{.max_pending_calls = -1}).actor<Ledger>(), UsageError);
              EXPECT_THROW(Actor<Ledger>{}.remote<&Ledger::total>(), UsageError);
            }),
            0);
  EXPECT_TRUE(cluster.sink.actors.empty());
}

/// Frames of this type that went from one rank to the other.
std::size_t frames(const LoopbackCluster& cluster, wire::FrameType type, RankId from, RankId to) {
  std::size_t count = 0;
  for (const auto& record : cluster.network.log()) {
    if (record.from != from || record.to != to) continue;
    wire::FrameReader reader{record.bytes};
    while (const auto frame = reader.next()) count += frame->header.type == type ? 1 : 0;
  }
  return count;
}

TEST(ActorCalls, ThoseWithoutAFutureAreAnsweredWithNothingToTheirCaller) {
  LoopbackCluster cluster{3};
  static constexpr int calls = 500;
  EXPECT_EQ(cluster.run_all([] {
    const auto ledger = actor<Ledger>();
    remote<add_from_task>(ledger, calls).get();
    while (ledger.remote<&Ledger::total>().get() < calls) continue;
  }),
            0);
  using wire::FrameType;
  const RankId host{1};
  const RankId caller{2};
  EXPECT_EQ(frames(cluster, FrameType::call, caller, host), static_cast<std::size_t>(calls));
  // The head alone is told, for the run file and the history.
  EXPECT_GE(frames(cluster, FrameType::outcome, host, head_rank), static_cast<std::size_t>(calls));
  for (const auto type : {FrameType::value, FrameType::large_value, FrameType::reply, FrameType::completed}) {
    EXPECT_EQ(frames(cluster, type, head_rank, caller), 0U);
    EXPECT_EQ(frames(cluster, type, host, caller), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, Actors, testing::Values(1, 2, 3, 6), testing::PrintToStringParamName());

}  // namespace
}  // namespace crema
