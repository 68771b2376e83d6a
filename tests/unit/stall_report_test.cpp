// What a stall report says, and when: from made-up statuses, with a clock that moves by hand.
#include "head/stall_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/wait_graph.hpp"
#include "runtime/stall_watch.hpp"

namespace crema::head {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

TaskId task(std::uint64_t number) { return TaskId{number}; }

class StallReport : public testing::Test {
 protected:
  StallReport() {
    for (const char* name : {"rank 0 (head) on a", "rank 1 (actors) on a", "rank 2 (worker) on b"})
      ranks.push_back({name, wire::Status{}});
    status(0).driver = LaneId{1};
    status(0).lanes.push_back({LaneId{1}, {}, false, {}});
    waits.task = [this](TaskId id) {
      const auto found = tasks.find(id);
      return found == tasks.end() ? Waits::Task{} : found->second;
    };
    waits.actor = [](ActorId id) { return "actor \"" + std::string(1, static_cast<char>('a' + id.number)) + "\""; };
    waits.function = [](FunctionId id) { return "method" + std::to_string(id.number); };
  }
  wire::Status& status(std::size_t rank) { return *ranks[rank].status; }
  void run(std::size_t rank, std::uint32_t lane, std::uint64_t id, bool waiting) {
    status(rank).lanes.push_back({LaneId{lane}, task(id), waiting, {}});
  }
  void wait_for(std::int32_t rank, std::uint32_t lane, std::vector<TaskId> values) {
    const std::size_t all = values.size();
    waits.lanes.push_back({.rank = RankId{rank}, .lane = LaneId{lane}, .values = std::move(values), .needed = all});
  }
  /// An actor on rank 1 whose first call runs on a lane of its number.
  void actor(std::uint64_t id, const std::vector<std::uint64_t>& calls, bool waiting) {
    wire::ActorStatus actor{
        .actor = ActorId{id}, .lane = LaneId{static_cast<std::uint32_t>(id)}, .calls = calls.size()};
    for (const std::uint64_t call : calls)
      actor.listed.push_back({task(call), FunctionId{static_cast<std::uint32_t>(call % 10)}});
    run(1, static_cast<std::uint32_t>(id), calls.front(), waiting);
    status(1).actors.push_back(std::move(actor));
  }
  std::vector<std::string> lines() const { return stall_report(ranks, waits); }

  std::vector<RankStatus> ranks;
  Waits waits;
  std::map<TaskId, Waits::Task> tasks;
};

TEST_F(StallReport, ThereIsNoneWithoutWork) { EXPECT_THAT(lines(), IsEmpty()); }

TEST_F(StallReport, ALongTaskNobodyWaitsForIsTold) {
  tasks[task(17)] = {Waits::Task::State::sent, "simulate", RankId{2}};
  run(2, 3, 17, false);
  EXPECT_THAT(lines(),
              ElementsAre("rank 0 (head) on a: lane 1 runs the driver",
                          "rank 2 (worker) on b: lane 3 runs simulate (task 17)", "nothing runs on these ranks: 1"));
}

TEST_F(StallReport, AChainIsFollowedToWhatRuns) {
  tasks[task(17)] = {Waits::Task::State::sent, "simulate", RankId{2}};
  run(2, 3, 17, true);
  actor(5, {98, 99}, false);
  wait_for(2, 3, {task(99)});
  status(0).lanes[0].waiting = true;
  wait_for(0, 1, {task(17), task(18)});
  EXPECT_THAT(
      lines(),
      ElementsAre("rank 0 (head) on a: lane 1 runs the driver, which waits for simulate (task 17) and 1 more, which "
                  "waits for method9 (call 99 of actor \"f\"), which waits behind method8 (call 98 of actor "
                  "\"f\"), which runs on rank 1",
                  "rank 1 (actors) on a: lane 5 runs method8 (call 98 of actor \"f\")",
                  "rank 2 (worker) on b: lane 3 runs simulate (task 17), which waits for method9 (call 99 of "
                  "actor \"f\"), which waits behind method8 (call 98 of actor \"f\"), which runs on rank 1",
                  "actor \"f\" on rank 1 (actors) on a: 1 call waits behind method8 (call 98 of actor \"f\")"));
}

TEST_F(StallReport, ACircleOfTwoIsNamedOnce) {
  actor(0, {11, 12}, true);
  actor(1, {21, 22}, true);
  wait_for(1, 0, {task(22)});
  wait_for(1, 1, {task(12)});
  const auto report = lines();
  EXPECT_EQ(
      report.at(0),
      "a circle: method1 (call 11 of actor \"a\") waits for method2 (call 22 of actor \"b\"), which waits behind "
      "method1 (call 21 of actor \"b\"), which waits for method2 (call 12 of actor \"a\"), which waits behind "
      "method1 (call 11 of actor \"a\"); none of them can go on: let one return without waiting, for example with "
      "the future");
  EXPECT_THAT(report.at(1), testing::Not(StartsWith("a circle")));
}

TEST_F(StallReport, WhoWaitsForOneOfSeveralIsInNoCircleWhileAnotherRuns) {
  actor(0, {11, 12}, true);
  actor(1, {21, 22}, true);
  actor(2, {31}, false);
  wait_for(1, 0, {task(22), task(31)});
  waits.lanes[0].needed = 1;
  wait_for(1, 1, {task(12)});
  EXPECT_THAT(lines(), testing::Each(testing::Not(StartsWith("a circle"))));
  EXPECT_THAT(lines(), Contains(HasSubstr("waits for 1 of 2 values, one of them method2 (call 22")));
  waits.lanes[0].needed = 2;
  EXPECT_THAT(lines(), Contains(StartsWith("a circle")));
  waits.lanes[0].timed = true;
  EXPECT_THAT(lines(), testing::Each(testing::Not(StartsWith("a circle"))));
}

TEST_F(StallReport, AFullMailboxIsPartOfACircle) {
  actor(3, {11}, true);
  actor(1, {21}, true);
  wait_for(1, 3, {task(21)});
  status(1).lanes[1].room = ActorId{3};
  status(1).actors[0].outside = 1;
  status(1).actors[0].listed_outside = {{task(15), FunctionId{5}}};
  EXPECT_THAT(lines(),
              AllOf(Contains(AllOf(StartsWith("a circle: method1 (call 11 of actor \"d\") waits for method1 (call "
                                              "21 of actor \"b\"), which waits for room in the mailbox of actor "
                                              "\"d\", behind method1 (call 11 of actor \"d\");"))),
                    Contains("actor \"d\" on rank 1 (actors) on a: 0 calls wait behind method1 (call 11 of actor "
                             "\"d\"), and 1 call waits outside its full mailbox")));
}

TEST_F(StallReport, TasksWithoutInputsHeldCallsPoolsAndFindersAreTold) {
  tasks[task(17)] = {Waits::Task::State::blocked, "combine", {}};
  tasks[task(18)] = {Waits::Task::State::sent, "load", RankId{2}};
  tasks[task(19)] = {Waits::Task::State::ready, "brew", {}};
  waits.works = {{task(17), {task(18)}}};
  waits.finders = {{RankId{0}, LaneId{1}, "late"}};
  waits.pool_calls = {{task(55), FunctionId{5}, {task(56)}}};
  waits.ready = 3;
  status(2).queued = 4;
  status(2).held = {{task(71), ActorId{0}, FunctionId{1}, false, {task(19)}},
                    {task(72), ActorId{0}, FunctionId{2}, false, {}},
                    {task(73), ActorId{4}, FunctionId{3}, true, {}}};
  waits.unplaced = {{ActorId{4}, "Camera"}};
  ranks[1].status.reset();
  EXPECT_THAT(
      lines(),
      ElementsAre("rank 0 (head) on a: lane 1 runs the driver, which waits for an actor named \"late\" to be created",
                  "rank 1 (actors) on a has not answered", "rank 2 (worker) on b: 4 tasks wait for a lane",
                  "combine (task 17), which waits for its input load (task 18), which is queued on rank 2",
                  "actor \"e\" (Camera) waits for its resources on a rank",
                  "method1 (call 71 of actor \"a\"), which waits for its argument brew (task 19), which waits for "
                  "room on a worker",
                  "method2 (call 72 of actor \"a\"), which waits behind method1 (call 71 of actor \"a\"), which "
                  "waits for its argument brew (task 19), which waits for room on a worker",
                  "method3 (call 73 of actor \"e\"), which waits for a place for its actor",
                  "method5 (call 55 of a pool), which waits for one of the pool, which runs value 56, which no "
                  "rank tells of",
                  "3 ready tasks wait for room on a worker"));
}

TEST_F(StallReport, NoKindHasMoreThanTwentyLines) {
  for (std::uint32_t i = 0; i < 50; ++i) run(2, 10 + i, 100 + i, false);
  for (std::uint64_t i = 0; i < 45; ++i) waits.works.push_back({task(500 + i), {task(100)}});
  const auto report = lines();
  EXPECT_THAT(report, SizeIs(43));
  EXPECT_EQ(report.at(20), "... and 31 more lanes");
  EXPECT_EQ(report.at(42), "... and 25 more tasks");
}

TEST_F(StallReport, AStatusIsReadAsItWasWritten) {
  actor(4, {41, 42}, true);
  status(1).driver = LaneId{8};
  status(1).queued = 9;
  status(1).lanes[0].room = ActorId{3};
  status(1).actors[0].outside = 70;
  status(1).actors[0].listed_outside = {{task(43), FunctionId{6}}};
  status(1).held = {{task(71), ActorId{2}, FunctionId{1}, true, {task(19), task(20)}}};
  const wire::Status read = wire::read_status(Bytes{wire::write(status(1))});
  EXPECT_EQ(read.driver, LaneId{8});
  EXPECT_EQ(read.queued, 9U);
  ASSERT_THAT(read.lanes, SizeIs(1));
  EXPECT_EQ(read.lanes[0].lane, LaneId{4});
  EXPECT_EQ(read.lanes[0].running, task(41));
  EXPECT_TRUE(read.lanes[0].waiting);
  EXPECT_EQ(read.lanes[0].room, ActorId{3});
  ASSERT_THAT(read.actors, SizeIs(1));
  EXPECT_EQ(read.actors[0].actor, ActorId{4});
  EXPECT_EQ(read.actors[0].calls, 2U);
  EXPECT_EQ(read.actors[0].outside, 70U);
  EXPECT_EQ(read.actors[0].listed.at(1).id, task(42));
  EXPECT_EQ(read.actors[0].listed_outside.at(0).function, FunctionId{6});
  ASSERT_THAT(read.held, SizeIs(1));
  EXPECT_EQ(read.held[0].method, FunctionId{1});
  EXPECT_TRUE(read.held[0].unplaced);
  EXPECT_THAT(read.held[0].missing, ElementsAre(task(19), task(20)));
}

TEST(WaitGraph, FindsEveryCircleOnceAndNothingThatCanEnd) {
  WaitGraph graph;
  const auto add = [&](std::uint64_t from, std::uint64_t to) { graph.add_waits(task(from), {task(to)}, "waits for"); };
  add(1, 2);  // into a circle
  add(3, 4);
  add(4, 2);
  add(2, 3);
  add(6, 6);  // itself
  add(7, 8);  // a chain that ends
  add(8, 9);
  add(10, 8);
  add(10, 6);  // waits for both
  graph.find_stuck();
  EXPECT_THAT(graph.circles(), ElementsAre(ElementsAre(task(2), task(3), task(4)), ElementsAre(task(6))));
  EXPECT_TRUE(graph.stuck(task(1)));
  EXPECT_TRUE(graph.stuck(task(10)));
  EXPECT_EQ(graph.next(task(10))->to, task(6));
  EXPECT_FALSE(graph.stuck(task(7)));
  EXPECT_FALSE(graph.stuck(task(9)));
  EXPECT_EQ(graph.next(task(9)), nullptr);
}

TEST(StallTimer, DoublesUntilThereIsProgress) {
  runtime::StallTimer timer{30s};
  const runtime::StallTimer::Clock::time_point start{};
  std::vector<int> due;
  for (int second = 0; second < 500; ++second) {
    const std::uint64_t progress = second < 10 ? static_cast<std::uint64_t>(second) : second < 400 ? 9 : 10;
    if (timer.due(progress, start + std::chrono::seconds{second})) due.push_back(second);
  }
  EXPECT_THAT(due, ElementsAre(39, 99, 219, 430, 490));
  EXPECT_EQ(timer.stalled(start + 500s), 100s);
  timer.dismiss(start + 500s);
  EXPECT_FALSE(timer.due(10, start + 529s));
  EXPECT_TRUE(timer.due(10, start + 530s));
}

}  // namespace
}  // namespace crema::head
