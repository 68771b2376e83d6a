#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/messages.hpp"
#include "worker/worker.hpp"

namespace crema::worker {
namespace {

using ::testing::HasSubstr;
using wire::Frame;
using wire::FrameType;

constexpr std::int64_t timeout = 1'000'000'000;
/// Between two looks at lanes that may be overdue there is less.
constexpr std::int64_t later = 100'000'000;

/// A lane that does what the test says.
class ToldLane final : public lane::Lane {
 public:
  explicit ToldLane(LaneId id) : id_{id} {}
  LaneId id() const override { return id_; }
  void give_work(Frame frame) override { work.push_back(std::move(frame)); }
  void reply(Frame) override {}
  void wake() override {}
  void tell_cancelled(std::vector<TaskId>) override {}
  void tell_stopping() override {}
  std::vector<Frame> take_back() override { return std::exchange(work, {}); }
  TaskId running() const override { return runs; }
  std::int64_t running_since() const override { return 0; }
  std::int64_t time_limit() const override { return limit; }
  bool kill() override { return killed = true; }
  std::optional<Frame> take_unfinished() override { return std::exchange(begun, std::nullopt); }
  bool waiting() const override { return false; }
  ActorId waiting_for_room() const override { return {}; }
  void stop() override {}
  bool stopped() const override { return true; }

  void begin() {
    begun = std::move(work.front());
    work.erase(work.begin());
    const wire::TaskSpec task = wire::read_task(begun->payload);
    runs = task.id;
    limit = task.terms->timeout;
  }

  std::vector<Frame> work;
  std::optional<Frame> begun;
  TaskId runs;
  std::int64_t limit = 0;
  bool killed = false;

 private:
  LaneId id_;
};

class WorkerLossesTest : public ::testing::Test, private wire::Outbox {
 protected:
  void give(std::uint64_t id) {
    Frame frame = wire::make_frame(
        FrameType::run_task,
        wire::write(wire::TaskSpec{.id = TaskId{id}, .label = "bake", .terms = wire::Terms{.timeout = timeout}}));
    worker_.on_task(std::move(frame));
  }

  /// What the lane was running has ended well.
  void finish(ToldLane& lane) {
    worker_.on_lane(wire::make_frame(FrameType::outcome, wire::write(wire::Outcome{.id = lane.runs}), lane.id()));
    lane.begun.reset();
  }

  std::vector<wire::Outcome> outcomes() const {
    std::vector<wire::Outcome> outcomes;
    for (const Frame& frame : sent_)
      if (frame.header.type == FrameType::outcome) outcomes.push_back(wire::read_outcome(frame.payload));
    return outcomes;
  }

  /// Positions of the frames of this type among all that were sent.
  std::vector<std::size_t> places_of(FrameType type) const {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < sent_.size(); ++i)
      if (sent_[i].header.type == type) places.push_back(i);
    return places;
  }

  std::vector<ToldLane*> lanes_;
  std::vector<Frame> sent_;
  Worker worker_{*this,
                 [this] {
                   auto lane = std::make_unique<ToldLane>(LaneId{static_cast<std::uint32_t>(lanes_.size() + 1)});
                   lanes_.push_back(lane.get());
                   return lane;
                 },
                 1, 1.0, lane::Identity{RankId{2}, {}, "here", 7}};

 private:
  void send(RankId, Frame frame) override { sent_.push_back(std::move(frame)); }
};

TEST_F(WorkerLossesTest, ATaskThatOverstaysIsToldAsTimedOutAndTheNextRunsElsewhere) {
  give(1);
  give(2);
  worker_.turn(0);
  ASSERT_EQ(lanes_.size(), 1U);
  ToldLane& lane = *lanes_[0];
  ASSERT_EQ(lane.work.size(), 2U);
  lane.begin();
  worker_.turn(timeout);
  EXPECT_FALSE(lane.killed);
  worker_.turn(timeout + later);
  EXPECT_TRUE(lane.killed);

  worker_.on_lane_lost({LaneId{1}, "SIGKILL", "killed by signal 9 (Killed)", "the oven\n"});
  worker_.turn(timeout + 2 * later);
  const auto told = outcomes();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].id, TaskId{1});
  ASSERT_TRUE(told[0].failed);
  ByteReader value{told[0].value};
  const Failure failure = wire::read_failure(value);
  EXPECT_EQ(failure.kind, Failure::Kind::timeout);
  EXPECT_EQ(failure.function, "bake");
  EXPECT_EQ(failure.rank, RankId{2});
  EXPECT_THAT(failure.message, HasSubstr("the oven"));

  // The head hears of the lane's end after the outcome of what died with it.
  const auto ends = places_of(FrameType::lane_lost);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(sent_[ends[0]].header.lane, LaneId{1});
  EXPECT_GT(ends[0], places_of(FrameType::outcome).at(0));

  ASSERT_EQ(lanes_.size(), 2U);
  ASSERT_EQ(lanes_[1]->work.size(), 1U);
  EXPECT_EQ(wire::read_task(lanes_[1]->work[0].payload).id, TaskId{2});
}

TEST_F(WorkerLossesTest, WaitingWithTheLaneParkedIsNotBeingBusy) {
  constexpr std::int64_t second = 1'000'000'000;
  give(1);
  worker_.turn(1 * second);
  lanes_.at(0)->begin();
  worker_.on_lane(wire::make_frame(FrameType::park, ByteBuffer{}, LaneId{1}));
  worker_.turn(2 * second);
  worker_.turn(4 * second);
  worker_.on_lane(wire::make_frame(FrameType::resume, ByteBuffer{}, LaneId{1}));
  worker_.turn(5 * second);
  worker_.turn(9 * second);
  const wire::Outcome outcome{.id = TaskId{1}, .started = 1 * second, .finished = 9 * second};
  worker_.on_lane(wire::make_frame(FrameType::outcome, wire::write(outcome), LaneId{1}));
  EXPECT_DOUBLE_EQ(worker_.busy_seconds(), 5);  // of 8 seconds it waited from the second to the fifth
}

TEST_F(WorkerLossesTest, BeyondTheBoundOfThoseThatWaitForRoomOnlyDeeperTasksBegin) {
  const auto give_at = [this](std::uint64_t id, std::uint32_t depth) {
    const wire::TaskSpec task{.id = TaskId{id}, .depth = depth, .terms = wire::Terms{.timeout = timeout}};
    worker_.on_task(wire::make_frame(FrameType::run_task, wire::write(task)));
    worker_.turn(1);
  };
  const auto park = [this](std::size_t lane) {
    Frame frame = wire::make_frame(FrameType::park, ByteBuffer{}, lanes_.at(lane)->id());
    frame.header.attempt = 3;
    frame.header.flags = wire::flag_for_room;
    worker_.on_lane(std::move(frame));
    worker_.turn(1);
  };
  const std::size_t bound = worker_.max_parked();
  for (std::uint64_t id = 1; id <= bound + 1; ++id) {
    give_at(id, 3);
    lanes_.back()->begin();
    if (id == bound + 1) give_at(1'000, 3);  // it waits behind the one that parks next
    park(id - 1);
  }
  EXPECT_EQ(places_of(FrameType::handed_back).size(), 1U);
  EXPECT_EQ(wire::read_pull(sent_[places_of(FrameType::pull).back()].payload).deeper_than, 3U);
  const std::size_t lanes = lanes_.size();
  give_at(1'001, 3);
  EXPECT_EQ(places_of(FrameType::handed_back).size(), 2U);
  give_at(1'002, 4);
  EXPECT_EQ(places_of(FrameType::handed_back).size(), 2U);
  ASSERT_EQ(lanes_.size(), lanes + 1);
  EXPECT_EQ(lanes_.back()->work.size(), 1U);
  // There is room for one: any task may begin once it has ended.
  worker_.on_lane(wire::make_frame(FrameType::resume, ByteBuffer{}, lanes_[0]->id()));
  worker_.turn(1);
  EXPECT_EQ(wire::read_pull(sent_[places_of(FrameType::pull).back()].payload).deeper_than, 0U);
}

TEST_F(WorkerLossesTest, ATaskThatBeganWhereAnotherWasToBeEndedLosesNoAttempt) {
  give(1);
  give(2);
  give(3);
  worker_.turn(0);
  ToldLane& lane = *lanes_[0];
  ASSERT_EQ(lane.work.size(), 3U);
  lane.begin();
  worker_.turn(timeout + later);
  ASSERT_TRUE(lane.killed);
  finish(lane);
  lane.begin();

  worker_.on_lane_lost({LaneId{1}, "SIGKILL", "killed by signal 9 (Killed)", ""});
  worker_.turn(timeout + 2 * later);
  const auto told = outcomes();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].id, TaskId{1});
  EXPECT_FALSE(told[0].failed);
  EXPECT_EQ(places_of(FrameType::lane_lost).size(), 1U);
  ASSERT_EQ(lanes_.size(), 2U);
  ASSERT_EQ(lanes_[1]->work.size(), 2U);
  EXPECT_EQ(wire::read_task(lanes_[1]->work[0].payload).id, TaskId{2});
  EXPECT_EQ(wire::read_task(lanes_[1]->work[1].payload).id, TaskId{3});
  EXPECT_TRUE(worker_.busy());
}

TEST_F(WorkerLossesTest, ATaskThatCrashesIsNamedWithItsSignal) {
  give(1);
  worker_.turn(0);
  lanes_[0]->begin();
  worker_.on_lane_lost({LaneId{1}, "SIGSEGV", "killed by signal 11 (Segmentation fault)", ""});
  const auto told = outcomes();
  ASSERT_EQ(told.size(), 1U);
  ByteReader value{told[0].value};
  const Failure failure = wire::read_failure(value);
  EXPECT_EQ(failure.kind, Failure::Kind::crashed);
  EXPECT_EQ(failure.type, "SIGSEGV");
  EXPECT_EQ(failure.message, "killed by signal 11 (Segmentation fault)");
  EXPECT_FALSE(worker_.busy());
}

}  // namespace
}  // namespace crema::worker
