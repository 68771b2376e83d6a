// The actor host alone, with a lane that does nothing: what it lets into a bounded mailbox, and whom it tells.
#include "actor/host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crema/actor.hpp"
#include "crema/registry.hpp"

namespace crema::actors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using wire::Frame;
using wire::FrameType;

class Till {
 public:
  void close() {}
};
const FunctionId method = detail::registered_id<detail::MethodFunction<&Till::close, Till>>;

/// Keeps what it is given; nothing of it has begun.
class IdleLane final : public lane::Lane {
 public:
  IdleLane(std::vector<Frame>& work, std::uint32_t number) : work_{work}, id_{number} {}
  LaneId id() const override { return id_; }
  void give_work(Frame frame) override {
    stopped_ = frame.header.type == FrameType::kill_actor;
    work_.push_back(std::move(frame));
  }
  void reply(Frame) override {}
  void wake() override {}
  void tell_cancelled(std::vector<TaskId>) override {}
  void tell_stopping() override {}
  std::vector<Frame> take_back() override { return std::exchange(work_, {}); }
  TaskId running() const override { return {}; }
  bool waiting() const override { return false; }
  ActorId waiting_for_room() const override { return {}; }
  void stop() override {}
  bool stopped() const override { return stopped_; }

 private:
  std::vector<Frame>& work_;
  const LaneId id_;
  bool stopped_ = false;
};

class HostTest : public testing::Test, protected wire::Outbox {
 protected:
  static constexpr ActorId actor{7};

  void send(RankId to, Frame frame) override { sent.emplace_back(to, std::move(frame)); }

  void start(std::uint64_t bound) {
    const wire::ActorSpec spec{.id = actor, .constructor = method, .max_pending_calls = bound};
    host.on_frame(head_rank, wire::make_frame(FrameType::start_actor, wire::write(spec)));
    end(actor.number, wire::Outcome::Work::construction);
    work.clear();
    sent.clear();
  }
  void call(std::uint64_t id, RankId from, std::uint32_t lane, std::uint16_t flags = wire::flag_bounded) {
    const wire::CallSpec spec{.id = TaskId{id}, .actor = actor, .method = method};
    Frame frame = wire::make_frame(FrameType::call, wire::write(spec), LaneId{lane});
    frame.header.flags = flags;
    host.on_frame(from, std::move(frame));
  }
  void end(std::uint64_t id, wire::Outcome::Work kind = wire::Outcome::Work::call) {
    const wire::Outcome outcome{.id = TaskId{id}, .actor = actor, .function = method, .work = kind};
    host.on_lane(wire::make_frame(FrameType::outcome, wire::write(outcome), LaneId{9}));
  }
  /// The calls the actor was given, since the start.
  std::vector<std::uint64_t> given() const {
    std::vector<std::uint64_t> ids;
    for (const Frame& frame : work)
      if (frame.header.type == FrameType::call) ids.push_back(wire::read_call(frame.payload).id.number);
    return ids;
  }
  /// Rank, lane and number of calls of each `accepted` since the last time.
  std::vector<std::vector<std::uint64_t>> accepted() {
    host.turn();
    std::vector<std::vector<std::uint64_t>> told;
    for (const auto& [to, frame] : sent) {
      if (frame.header.type != FrameType::accepted) continue;
      const wire::Accepted message = wire::read_accepted(frame.payload);
      EXPECT_EQ(message.actor, actor);
      told.push_back({static_cast<std::uint64_t>(to.number), frame.header.lane.number, message.calls});
    }
    sent.clear();
    return told;
  }

  std::vector<Frame> work;
  std::vector<std::pair<RankId, Frame>> sent;
  std::uint32_t next_lane = 9;
  Host host{*this,
            [this] { return std::make_unique<IdleLane>(work, next_lane++); },
            {.rank = RankId{1}, .lane = {}, .host = "here"}};
};

TEST_F(HostTest, AMailboxTakesNoMoreThanItsBoundAndTheRestInTheOrderItCame) {
  start(2);
  for (std::uint64_t id = 100; id < 106; ++id) call(id, RankId{id % 2 == 0 ? 2 : 3}, 5);
  EXPECT_THAT(given(), ElementsAre(100, 101));
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(2, 5, 1), ElementsAre(3, 5, 1)));
  end(100);
  EXPECT_THAT(given(), ElementsAre(100, 101, 102));
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(2, 5, 1)));
  end(101);
  end(102);
  EXPECT_THAT(given(), ElementsAre(100, 101, 102, 103, 104));
  call(106, RankId{2}, 5);
  EXPECT_EQ(given().size(), 5U);  // not before 105
  for (std::uint64_t id = 103; id < 106; ++id) end(id);
  EXPECT_THAT(given(), ElementsAre(100, 101, 102, 103, 104, 105, 106));
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(2, 5, 2), ElementsAre(3, 5, 2)));
}

TEST_F(HostTest, NobodyIsToldOfCallsThatNobodyCounts) {
  start(1);
  call(100, head_rank, 0, 0);
  call(101, head_rank, 0, 0);
  EXPECT_THAT(given(), ElementsAre(100));
  end(100);
  EXPECT_THAT(given(), ElementsAre(100, 101));
  EXPECT_THAT(accepted(), IsEmpty());
}

TEST_F(HostTest, WithoutABoundAllAreTaken) {
  start(0);
  for (std::uint64_t id = 100; id < 400; ++id) call(id, RankId{2}, 5, 0);
  EXPECT_EQ(given().size(), 300U);
}

TEST_F(HostTest, AKilledActorLetsItsCallersGo) {
  start(1);
  for (std::uint64_t id = 100; id < 104; ++id) call(id, RankId{2}, 5);
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(2, 5, 1)));
  ByteBuffer payload;
  payload.put(actor);
  host.on_frame(head_rank, wire::make_frame(FrameType::kill_actor, std::move(payload)));
  std::size_t failed = 0;
  for (const auto& [to, frame] : sent)
    if (frame.header.type == FrameType::outcome && wire::read_outcome(frame.payload).failed) ++failed;
  EXPECT_EQ(failed, 4U);
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(2, 5, 3)));
  call(104, RankId{3}, 6);
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(3, 6, 1)));
  wire::Status status;
  host.describe(status);
  EXPECT_THAT(status.actors, IsEmpty());
}

TEST_F(HostTest, AnActorForWhichThereIsNoLaneLeftFailsWithASentence) {
  const auto create = [this](std::uint64_t id) {
    const wire::ActorSpec spec{.id = ActorId{id}, .constructor = method, .class_name = "Till"};
    host.on_frame(head_rank, wire::make_frame(FrameType::start_actor, wire::write(spec)));
  };
  for (std::uint64_t id = 1; id <= 1000; ++id) create(id);
  EXPECT_THAT(work, SizeIs(1000));
  EXPECT_THAT(sent, IsEmpty());
  create(1001);
  EXPECT_THAT(work, SizeIs(1000));
  ASSERT_THAT(sent, SizeIs(1));
  const wire::Outcome outcome = wire::read_outcome(sent[0].second.payload);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.actor, ActorId{1001});
  EXPECT_EQ(outcome.work, wire::Outcome::Work::construction);
  ByteReader failure{outcome.value};
  EXPECT_THAT(wire::read_failure(failure).message,
              HasSubstr("holds 1000 actors already, the most it can; keep many small states in one actor"));

  ByteBuffer killed;
  killed.put(ActorId{1});
  host.on_frame(head_rank, wire::make_frame(FrameType::kill_actor, std::move(killed)));
  work.clear();
  create(1002);
  EXPECT_THAT(work, SizeIs(1));
}

TEST_F(HostTest, CallsThatOvertakeTheirActorWaitAsOthersDo) {
  for (std::uint64_t id = 100; id < 103; ++id) call(id, RankId{2}, 5);
  EXPECT_THAT(accepted(), IsEmpty());
  const wire::ActorSpec spec{.id = actor, .constructor = method, .max_pending_calls = 2};
  host.on_frame(head_rank, wire::make_frame(FrameType::start_actor, wire::write(spec)));
  EXPECT_THAT(given(), ElementsAre(100));  // its construction is in the mailbox too
  EXPECT_THAT(accepted(), ElementsAre(ElementsAre(2, 5, 1)));
  wire::Status status;
  host.describe(status);
  ASSERT_EQ(status.actors.size(), 1U);
  EXPECT_EQ(status.actors[0].calls, 2U);
  EXPECT_EQ(status.actors[0].outside, 2U);
  EXPECT_EQ(status.actors[0].listed.at(1).id, TaskId{100});
  EXPECT_EQ(status.actors[0].listed_outside.at(0).id, TaskId{101});
  EXPECT_EQ(status.actors[0].listed_outside.at(0).function, method);
  EXPECT_EQ(status.actors[0].lane, LaneId{9});
}

class DurableHostTest : public HostTest {
 protected:
  /// An actor of whose calls `recorded` come from the history.
  void start_durable(std::uint64_t recorded) {
    Frame frame =
        wire::make_frame(FrameType::start_actor, wire::write(wire::ActorSpec{.id = actor, .constructor = method}));
    frame.header.flags = wire::flag_durable;
    frame.header.sequence = recorded;
    host.on_frame(head_rank, std::move(frame));
  }
  void call_keyed(std::uint64_t id, std::uint64_t key, std::uint16_t flags = 0, TaskId caller = TaskId{50}) {
    const wire::CallSpec spec{.id = TaskId{id}, .key = {key, key}, .parent = caller, .actor = actor, .method = method};
    Frame frame = wire::make_frame(FrameType::call, wire::write(spec), LaneId{5});
    frame.header.flags = flags;
    host.on_frame(RankId{2}, std::move(frame));
  }
  /// The calls that the head was told of since the last time, and whether each is a repetition.
  std::vector<std::pair<std::uint64_t, bool>> taken() {
    std::vector<std::pair<std::uint64_t, bool>> told;
    for (const auto& [to, frame] : std::exchange(sent, {})) {
      if (frame.header.type != FrameType::taken) continue;
      const wire::Taken message = wire::read_taken(frame.payload);
      told.emplace_back(message.call.id.number, message.again);
    }
    return told;
  }
  static Frame call_from(std::uint64_t running) {
    const wire::CallSpec spec{.id = TaskId{900}, .parent = TaskId{running}, .actor = ActorId{8}, .method = method};
    return wire::make_frame(FrameType::call, wire::write(spec), LaneId{9});
  }
  void recorded(std::uint64_t places) {
    Frame frame = wire::make_frame(FrameType::recorded);
    frame.header.acknowledged = places;
    host.on_frame(head_rank, std::move(frame));
  }
};

TEST_F(DurableHostTest, AMethodCallsOthersOnceItsOwnCallIsRecorded) {
  start_durable(0);
  call_keyed(100, 1);
  call_keyed(101, 2);
  EXPECT_THAT(taken(), ElementsAre(std::pair{100, false}, std::pair{101, false}));
  EXPECT_TRUE(host.hold(call_from(100)));
  EXPECT_TRUE(host.hold(call_from(101)));
  EXPECT_THAT(host.take_free(), IsEmpty());
  recorded(1);
  EXPECT_EQ(host.take_free().size(), 1U);
  EXPECT_FALSE(host.hold(call_from(100)));
  EXPECT_TRUE(host.hold(call_from(101)));
  recorded(2);
  EXPECT_EQ(host.take_free().size(), 2U);
}

TEST_F(DurableHostTest, ACallThatIsMadeAgainIsNotAppliedAgainUntilItsCallerHasEnded) {
  start_durable(0);
  call_keyed(100, 1);
  call_keyed(200, 1, 0, TaskId{51});  // its caller's next attempt
  EXPECT_THAT(taken(), ElementsAre(std::pair{100, false}, std::pair{200, true}));
  EXPECT_THAT(given(), ElementsAre(100));
  host.on_frame(head_rank, wire::make_frame(FrameType::forget_calls, wire::write_ids({TaskId{50}})));
  call_keyed(300, 1);
  EXPECT_THAT(given(), ElementsAre(100, 300));
}

TEST_F(DurableHostTest, RecordedCallsComeFirst) {
  start_durable(2);
  call_keyed(100, 3);
  EXPECT_THAT(given(), IsEmpty());
  call_keyed(1, 1, wire::flag_recorded, {});
  call_keyed(101, 2);  // one of those, made again
  call_keyed(2, 2, wire::flag_recorded, {});
  EXPECT_THAT(given(), ElementsAre(1, 2, 100));
  EXPECT_THAT(taken(), ElementsAre(std::pair{100, false}, std::pair{101, true}));
}

}  // namespace
}  // namespace crema::actors
