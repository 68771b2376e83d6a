#include "head/dispatcher.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace crema::head {
namespace {

constexpr FunctionId slow{0};
constexpr FunctionId quick{1};
constexpr FunctionId unknown{2};

class DispatcherTest : public testing::Test {
 protected:
  void workers(int count, std::uint32_t slots = 1) {
    for (int i = 1; i <= count; ++i) {
      dispatcher.add_worker(RankId{i}, {.cpus = std::numeric_limits<double>::infinity()});
      dispatcher.on_pull(RankId{i}, {slots, 0});
    }
  }
  void ready(FunctionId function, int count, RunOrder order = {}) {
    for (int i = 0; i < count; ++i) dispatcher.add_ready(order, {TaskId{++last_id}, function, {}});
  }
  std::map<RankId, int> assign() {
    std::map<RankId, int> given;
    for (auto& assignment : dispatcher.assign()) {
      ++given[assignment.worker];
      sent.push_back(std::move(assignment));
    }
    return given;
  }
  void end_all(std::int64_t nanoseconds) {
    for (auto& assignment : sent)
      dispatcher.ended(assignment.worker, assignment.task.id, assignment.task.function, assignment.load, nanoseconds);
    sent.clear();
  }
  void learn(FunctionId function, std::int64_t nanoseconds) {
    ready(function, 1);
    assign();
    end_all(nanoseconds);
  }

  ResourcePool pool;
  Dispatcher dispatcher{pool};
  std::vector<Dispatcher::Assignment> sent;
  std::uint64_t last_id = 0;
};

TEST_F(DispatcherTest, AnUnknownFunctionGoesOutOneASlot) {
  workers(2, 3);
  ready(unknown, 100);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 3}, {RankId{2}, 3}}));
  EXPECT_TRUE(assign().empty());
}

TEST_F(DispatcherTest, OneSecondTasksGoOutSingly) {
  workers(2);
  learn(slow, 1'000'000'000);
  ready(slow, 100);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 1}, {RankId{2}, 1}}));
}

TEST_F(DispatcherTest, ShortTasksGoOutInBatchesOfAboutTwentyMilliseconds) {
  workers(2);
  learn(quick, 10'000);
  ready(quick, 100'000);
  const auto given = assign();
  EXPECT_EQ(given.at(RankId{1}), 2'000);
  EXPECT_EQ(given.at(RankId{2}), 2'000);
}

TEST_F(DispatcherTest, HoweverShortTheTasksAWorkerHasABound) {
  workers(1);
  learn(quick, 1);
  ready(quick, 10'000);
  EXPECT_EQ(assign().at(RankId{1}), static_cast<int>(Dispatcher::max_ahead_tasks));
}

TEST_F(DispatcherTest, AWorkerGetsNoMoreThanItsShareOfWhatIsReady) {
  workers(4);
  learn(quick, 1'000);
  ready(quick, 40);
  for (const auto& [rank, given] : assign()) EXPECT_LE(given, 11) << "rank " << rank.number;
}

TEST_F(DispatcherTest, HigherPriorityThenDeeperThenFirstComeFirstServed) {
  workers(1, 6);
  ready(unknown, 1, {0, 1});   // 1
  ready(unknown, 1, {5, 1});   // 2
  ready(unknown, 1, {0, 3});   // 3
  ready(unknown, 1, {5, 1});   // 4
  ready(unknown, 1, {-1, 9});  // 5
  assign();
  std::vector<std::uint64_t> order;
  for (const auto& assignment : sent) order.push_back(assignment.task.id.number);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{2, 4, 3, 1, 5}));
}

TEST_F(DispatcherTest, AParkedTaskFreesItsSlot) {
  workers(1);
  ready(unknown, 2);
  assign();
  EXPECT_TRUE(assign().empty());
  dispatcher.on_pull(RankId{1}, {1, 1});
  EXPECT_EQ(assign().at(RankId{1}), 1);
}

TEST_F(DispatcherTest, OnlyDeeperTasksGoWhereNoOtherCanBegin) {
  workers(1);
  learn(quick, 1'000);
  dispatcher.on_pull(RankId{1}, {.slots = 1, .deeper_than = 2});
  ready(quick, 3, {5, 2});
  ready(quick, 1, {0, 3});  // 5
  EXPECT_EQ(dispatcher.free_slots(), 0U);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 1}}));
  EXPECT_EQ(sent.front().task.id, TaskId{5});
  EXPECT_TRUE(assign().empty());
  end_all(1'000);
  EXPECT_TRUE(assign().empty());
  dispatcher.on_pull(RankId{1}, {.slots = 1});
  EXPECT_EQ(assign().at(RankId{1}), 3);
}

TEST_F(DispatcherTest, NothingIsReservedWhereOnlyDeeperTasksCanBegin) {
  workers(1);
  dispatcher.on_pull(RankId{1}, {.slots = 2});
  ready(quick, 1);
  EXPECT_EQ(assign().at(RankId{1}), 1);
  dispatcher.add_ready({}, {TaskId{100}, quick, {}}, {.cpus = 2});
  EXPECT_EQ(assign().size(), 1U);
  dispatcher.add_ready({}, {TaskId{101}, quick, {}}, {.cpus = 2});
  EXPECT_TRUE(assign().empty());  // its room is kept from now on
  dispatcher.on_pull(RankId{1}, {.slots = 3, .deeper_than = 2});
  ready(quick, 1, {0, 3});
  EXPECT_EQ(assign().at(RankId{1}), 1);
}

TEST_F(DispatcherTest, ArgumentsSentAheadAreBounded) {
  workers(1);
  learn(quick, 1);
  const Bytes megabyte = Bytes{[] {
    ByteBuffer buffer;
    buffer.extend(1 << 20);
    return buffer;
  }()};
  for (int i = 0; i < 100; ++i) dispatcher.add_ready({}, {TaskId{++last_id}, quick, megabyte});
  EXPECT_EQ(assign().at(RankId{1}), 4);
}

TEST_F(DispatcherTest, AFunctionThatBecomesSlowIsSentSinglyAgain) {
  workers(1);
  learn(quick, 1'000);
  for (int i = 0; i < 40; ++i) learn(quick, 50'000'000);
  ready(quick, 100);
  EXPECT_EQ(assign().at(RankId{1}), 1);
}

TEST_F(DispatcherTest, KnowsWhatIsFree) {
  workers(3, 2);
  EXPECT_EQ(dispatcher.slots(), 6U);
  ready(unknown, 4);
  assign();
  EXPECT_EQ(dispatcher.running(), 4U);
  EXPECT_EQ(dispatcher.free_slots(), 2U);
  end_all(10);
  EXPECT_EQ(dispatcher.free_slots(), 6U);
}

TEST_F(DispatcherTest, NothingGoesToAWorkerThatHasNotPulled) {
  dispatcher.add_worker(RankId{1}, {});
  ready(unknown, 3);
  EXPECT_TRUE(assign().empty());
}

TEST_F(DispatcherTest, ARankThatIsNoWorkerCannotPull) {
  workers(1);
  EXPECT_THROW(dispatcher.on_pull(RankId{0}, {1, 0}), Error);
  EXPECT_THROW(dispatcher.on_pull(RankId{7}, {1, 0}), Error);
  EXPECT_EQ(dispatcher.slots(), 1U);
}

TEST_F(DispatcherTest, TheEmptiestWorkerComesFirstAndEqualsTakeTurns) {
  workers(3, 2);
  ready(unknown, 3);
  assign();
  std::vector<RankId> order;
  for (const auto& assignment : sent) order.push_back(assignment.worker);
  EXPECT_EQ(order, (std::vector{RankId{1}, RankId{2}, RankId{3}}));
  // Rank 2 has ended its task; the others have one each.
  dispatcher.ended(RankId{2}, sent[1].task.id, unknown, sent[1].load, 500'000'000);
  ready(unknown, 2);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{2}, 1}, {RankId{1}, 1}}));
}

TEST_F(DispatcherTest, WorkAheadGoesWhereTheLeastIsWaiting) {
  workers(2);
  learn(quick, 200'000);
  ready(quick, 40);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 20}, {RankId{2}, 20}}));
  // Rank 1 ends two, rank 2 ten.
  std::map<RankId, int> to_end{{RankId{1}, 2}, {RankId{2}, 10}};
  for (const auto& assignment : sent)
    if (to_end[assignment.worker]-- > 0)
      dispatcher.ended(assignment.worker, assignment.task.id, quick, assignment.load, 200'000);
  ready(quick, 1);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{2}, 1}}));
  ready(quick, 4);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{2}, 2}, {RankId{1}, 2}}));  // a fair share of four
}

TEST_F(DispatcherTest, AShortTaskGoesAheadThoughALongOneDidNotBefore) {
  workers(3);
  learn(quick, 1'000'000);
  learn(slow, 15'000'000);
  ready(quick, 12);
  EXPECT_EQ(assign().size(), 3U);  // four each: 16 ms of room
  sent.clear();
  ready(slow, 6);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 1}, {RankId{2}, 1}, {RankId{3}, 1}}));
  EXPECT_TRUE(assign().empty());
  ready(quick, 3, {1, 0});
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 1}, {RankId{2}, 1}, {RankId{3}, 1}}));
}

TEST_F(DispatcherTest, ManySlotsTakeALongTaskAheadAsOneOfThemIsSoonFree) {
  workers(1, 4);
  learn(slow, 30'000'000);
  ready(slow, 100);
  EXPECT_EQ(assign().at(RankId{1}), 5);
  dispatcher.ended(RankId{1}, sent.back().task.id, slow, sent.back().load, 30'000'000);
  sent.pop_back();
  EXPECT_EQ(assign().at(RankId{1}), 1);
  end_all(30'000'000);
  dispatcher.on_pull(RankId{1}, {1, 0});
  EXPECT_EQ(assign().at(RankId{1}), 1);
}

TEST_F(DispatcherTest, AWorkerWithoutSlotsGetsNothing) {
  workers(2);
  learn(quick, 1'000);
  dispatcher.on_pull(RankId{2}, {0, 0});
  ready(quick, 100);
  EXPECT_EQ(assign(), (std::map<RankId, int>{{RankId{1}, 51}}));  // one to run and a fair share of the rest
}

TEST_F(DispatcherTest, LooksAtNoMoreWorkersWhereThereAreMany) {
  constexpr int many = 20'000;
  workers(many);
  learn(slow, 1'000'000'000);
  ready(slow, many + 1'000);
  std::uint64_t before = dispatcher.looks();
  assign();
  EXPECT_EQ(sent.size(), static_cast<std::size_t>(many));
  EXPECT_LE(dispatcher.looks() - before, many + 2U);
  // One task ends: one worker gets the next, and nobody else is asked.
  for (int i = 0; i < 1'000; ++i) {
    before = dispatcher.looks();
    dispatcher.ended(sent[i].worker, sent[i].task.id, slow, sent[i].load, 1'000'000'000);
    ASSERT_EQ(assign(), (std::map<RankId, int>{{sent[i].worker, 1}}));
    ASSERT_LE(dispatcher.looks() - before, 3U);
  }
}

TEST_F(DispatcherTest, LooksOnlyAtWorkersThatGetWorkAhead) {
  constexpr int many = 20'000;
  workers(many);
  learn(quick, 6'000'000);
  ready(quick, 4 * many);
  assign();
  EXPECT_EQ(sent.size(), 3U * many);  // 2 ms of room are left
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t before = dispatcher.looks();
    dispatcher.ended(sent[i].worker, sent[i].task.id, quick, sent[i].load, 6'000'000);
    ASSERT_EQ(assign(), (std::map<RankId, int>{{sent[i].worker, 1}}));
    ASSERT_LE(dispatcher.looks() - before, 3U);
  }
}

TEST_F(DispatcherTest, WhateverHappensNoSlotIsFreeWhileATaskIsReadyAndTheCountsAreRight) {
  struct Known {
    std::uint32_t slots = 0;
    std::uint32_t parked = 0;
    std::uint32_t outstanding = 0;
  };
  constexpr int count = 30;
  std::map<RankId, Known> known;
  workers(count);
  for (int i = 1; i <= count; ++i) known[RankId{i}].slots = 1;
  std::mt19937 generator{1};
  const auto random = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(generator() % bound); };
  for (int step = 0; step < 20'000; ++step) {
    const RankId rank{1 + static_cast<int>(random(count))};
    switch (random(4)) {
      case 0: {
        Known& worker = known[rank];
        worker.slots = random(5);
        worker.parked = std::min<std::uint32_t>(random(3), worker.outstanding);
        dispatcher.on_pull(rank, {worker.slots, worker.parked});
        break;
      }
      case 1:
        ready(FunctionId{static_cast<std::uint32_t>(random(3))}, static_cast<int>(random(40)),
              {static_cast<std::int32_t>(random(5)), 0});
        break;
      case 2:
        for (std::size_t i = random(40); i > 0 && !sent.empty(); --i) {
          const auto place =
              sent.begin() + static_cast<std::ptrdiff_t>(random(static_cast<std::uint32_t>(sent.size())));
          const std::int64_t lengths[] = {1'000'000, 20'000, 70'000};
          dispatcher.ended(place->worker, place->task.id, place->task.function, place->load,
                           lengths[place->task.function.number]);
          --known[place->worker].outstanding;
          *place = std::move(sent.back());
          sent.pop_back();
        }
        break;
      default:
        for (const auto& [to, given] : assign()) known[to].outstanding += static_cast<std::uint32_t>(given);
        if (dispatcher.ready() > 0) {
          ASSERT_EQ(dispatcher.free_slots(), 0U) << "step " << step;
        }
    }
    std::uint32_t slots = 0;
    std::uint32_t running = 0;
    for (const auto& [to, worker] : known) {
      slots += worker.slots;
      running += std::min(worker.slots, worker.outstanding - std::min(worker.outstanding, worker.parked));
    }
    ASSERT_EQ(dispatcher.slots(), slots) << "step " << step;
    ASSERT_EQ(dispatcher.running(), running) << "step " << step;
  }
}

TEST_F(DispatcherTest, WorkIsWantedBackWhereOthersHaveHadNothingToDoForTwoLooks) {
  workers(2);
  learn(quick, 1'000'000);
  ready(quick, 20);
  assign();
  ASSERT_EQ(sent.size(), 20U);
  EXPECT_TRUE(dispatcher.stuck_workers().empty());  // both are busy
  for (const auto& assignment : sent)
    if (assignment.worker == RankId{2})
      dispatcher.ended(RankId{2}, assignment.task.id, quick, assignment.load, 1'000'000);
  EXPECT_TRUE(dispatcher.stuck_workers().empty());
  // Rank 1 goes on, but has ten milliseconds of work ahead.
  const auto begun = std::find_if(sent.begin(), sent.end(), [](const auto& a) { return a.worker == RankId{1}; });
  dispatcher.ended(RankId{1}, begun->task.id, quick, begun->load, 1'000'000);
  EXPECT_EQ(dispatcher.stuck_workers(), std::vector{RankId{1}});
  int left = 0;
  for (auto& assignment : sent) {
    if (assignment.worker != RankId{1} || &assignment == &*begun || ++left == 1) continue;
    dispatcher.came_back(RankId{1}, assignment.load);
    dispatcher.add_ready({}, std::move(assignment.task));
  }
  sent.clear();
  EXPECT_EQ(assign().at(RankId{2}), 4);  // one to run, and a fair share of seven
  EXPECT_TRUE(dispatcher.stuck_workers().empty());
}

}  // namespace
}  // namespace crema::head
