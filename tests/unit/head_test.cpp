#include "head/head.hpp"

#include <gtest/gtest.h>

#include "crema/archive.hpp"
#include "crema/registry.hpp"
#include "crema/task.hpp"
#include "loopback_cluster.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;

int task_body(int x) { return x; }
const FunctionId function = detail::registered_id<detail::TaskFunction<task_body>>;

/// The head alone: its frames in, the log of its operations out; the clock moves by hand.
class HeadTest : public testing::Test, protected wire::Outbox {
 protected:
  struct Sent {
    RankId to;
    Frame frame;
  };

  static std::int64_t clock() { return now; }
  void send(RankId to, Frame frame) override { sent.push_back({to, std::move(frame)}); }

  void SetUp() override {
    now = 1'000'000'000;
    head.on_frame(RankId{2}, wire::make_frame(FrameType::pull, wire::write(wire::Pull{1, 0})));
  }
  void submit(std::uint64_t id, std::uint64_t parent = 0) {
    wire::TaskSpec task;
    task.id = TaskId{id};
    task.parent = TaskId{parent};
    task.function = function;
    head.on_frame(head_rank, wire::make_frame(FrameType::submit, wire::write(task)));
  }
  void outcome(std::uint64_t id, std::int64_t started, std::int64_t finished, std::uint32_t calls_made = 0,
               bool failed = false) {
    wire::Outcome done;
    done.id = TaskId{id};
    done.function = function;
    done.started = started;
    done.finished = finished;
    done.calls_made = calls_made;
    done.failed = failed;
    ByteBuffer value;
    if (failed) {
      Failure failure;
      failure.message = "spilt";
      wire::write_failure(value, failure);
    } else {
      encode(value, static_cast<int>(id));
    }
    done.value = Bytes{std::move(value)};
    head.on_frame(RankId{2}, wire::make_frame(FrameType::outcome, wire::write(done)));
  }
  void call_outcome(std::uint64_t id, std::uint64_t parent, ActorId actor, std::uint32_t calls_made = 0) {
    wire::Outcome done;
    done.id = TaskId{id};
    done.parent = TaskId{parent};
    done.actor = actor;
    done.work = wire::Outcome::Work::call;
    done.calls_made = calls_made;
    head.on_frame(RankId{1}, wire::make_frame(FrameType::outcome, wire::write(done)));
  }
  void get(std::uint64_t id, std::uint32_t lane) {
    head.on_frame(RankId{2}, wire::make_frame(FrameType::get, wire::write_ids({TaskId{id}}), LaneId{lane}));
  }
  void release(std::uint64_t id) {
    head.on_frame(head_rank, wire::make_frame(FrameType::release, wire::write_ids({TaskId{id}})));
  }
  void driver_done(std::uint32_t calls_made = 0, std::uint8_t exit_code = 0) {
    lane::DriverResult result;
    result.exit_code = exit_code;
    result.calls_made = calls_made;
    head.on_frame(head_rank, wire::make_frame(FrameType::driver_done, lane::write(result)));
  }
  void create_actor(std::uint64_t id) {
    wire::ActorSpec actor;
    actor.id = ActorId{id};
    actor.class_name = "Till";
    head.on_frame(head_rank, wire::make_frame(FrameType::create_actor, wire::write(actor)));
    wire::Outcome made;
    made.id = TaskId{id};
    made.actor = actor.id;
    made.work = wire::Outcome::Work::construction;
    head.on_frame(RankId{1}, wire::make_frame(FrameType::outcome, wire::write(made)));
  }
  std::vector<FrameType> types() const {
    std::vector<FrameType> list;
    for (const Sent& one : sent) list.push_back(one.frame.header.type);
    return list;
  }

  static inline std::int64_t now = 0;
  std::vector<Sent> sent;
  MemorySink sink;
  store::ObjectStore store{{}, [] {}};
  Head head{*this, sink, store, Layout{1, 3, {RankId{2}}, {RankId{1}}}, 1'000'000'000, &HeadTest::clock};
};

TEST_F(HeadTest, SendsATaskToAWorkerThatPulled) {
  submit(7);
  EXPECT_TRUE(sent.empty());
  head.turn();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].to, RankId{2});
  EXPECT_EQ(sent[0].frame.header.type, FrameType::run_task);
  EXPECT_EQ(wire::read_task(sent[0].frame.payload).id, TaskId{7});
}

TEST_F(HeadTest, DeliversAValueOnceItIsThereAndAtOnceAfterwards) {
  submit(7);
  head.turn();
  get(7, 11);
  EXPECT_EQ(types(), (std::vector{FrameType::run_task}));
  outcome(7, 0, 10);
  get(7, 12);
  EXPECT_EQ(types(), (std::vector{FrameType::run_task, FrameType::value, FrameType::value}));
  EXPECT_EQ(sent[1].frame.header.lane, LaneId{11});
  EXPECT_EQ(sent[2].frame.header.lane, LaneId{12});
  ByteReader reader{wire::read_value(sent[2].frame.payload).bytes};
  EXPECT_EQ(decode<int>(reader), 7);
}

TEST_F(HeadTest, TimesAreOnItsOwnClockAndKeepTheirOrder) {
  now += 2'000'000'000;  // 2 s into the run
  submit(7);
  head.turn();
  now += 3'000'000'000;
  // The worker's clock is 400 s behind the head's; it ran for one second and sent at once.
  outcome(7, now - 401'000'000'000, now - 400'000'000'000);
  ASSERT_EQ(sink.rows.size(), 1U);
  EXPECT_DOUBLE_EQ(sink.rows[0].submitted, 2);
  EXPECT_DOUBLE_EQ(sink.rows[0].started, 4);
  EXPECT_DOUBLE_EQ(sink.rows[0].finished, 5);
}

TEST_F(HeadTest, TheJobEndsWhenTheDriverAndAllItsWorkAreDone) {
  submit(7);
  head.turn();
  driver_done();
  EXPECT_FALSE(head.finished());
  submit(8, 7);
  outcome(7, 0, 1);
  head.turn();
  EXPECT_FALSE(head.finished());
  outcome(8, 1, 2);
  EXPECT_TRUE(head.finished());
  EXPECT_EQ(head.close(), 0);
}

TEST_F(HeadTest, CallsThatTasksSentAreWaitedForThoughTheyNeverPassTheHead) {
  create_actor(50);
  submit(7);
  head.turn();
  driver_done();
  call_outcome(101, 7, ActorId{50});  // one of the task's two calls is done before the task is
  outcome(7, 0, 1, 2);
  EXPECT_FALSE(head.finished());
  call_outcome(102, 7, ActorId{50}, 1);  // the second call made a call itself
  EXPECT_FALSE(head.finished());
  call_outcome(103, 102, ActorId{50});
  EXPECT_TRUE(head.finished());
}

TEST_F(HeadTest, AnUnannouncedCallOfARunningCallDoesNotHideAMissingOne) {
  create_actor(50);
  driver_done(1);
  call_outcome(201, 101, ActorId{50});  // made by call 101, which still runs
  EXPECT_FALSE(head.finished());
  call_outcome(101, 0, ActorId{50}, 1);
  EXPECT_TRUE(head.finished());
}

TEST_F(HeadTest, AFailureThatSomebodyAskedForIsNotUnheard) {
  submit(7);
  submit(8);
  head.turn();
  outcome(7, 0, 1, 0, true);
  head.turn();
  outcome(8, 1, 2, 0, true);
  get(7, 1);
  release(7);
  driver_done();
  EXPECT_EQ(head.close(), 1);
  const auto unheard = head.take_unheard_failures();
  ASSERT_EQ(unheard.size(), 1U);
  EXPECT_EQ(unheard[0].message, "spilt");
  EXPECT_EQ(sink.failures.size(), 2U);
}

TEST_F(HeadTest, ALocationIsToldWhenItsActorIsThereHoweverEarlyTheQuestion) {
  const auto locate = [&](RankId from) {
    head.on_frame(from, wire::make_frame(FrameType::locate_actor, wire::write(wire::ActorLocation{ActorId{50}, {}})));
  };
  locate(RankId{2});
  EXPECT_TRUE(sent.empty());
  create_actor(50);
  locate(RankId{1});
  EXPECT_EQ(types(), (std::vector{FrameType::start_actor, FrameType::actor_location, FrameType::actor_location}));
  EXPECT_EQ(sent[1].to, RankId{2});
  EXPECT_EQ(wire::read_location(sent[1].frame.payload).rank, RankId{1});
}

TEST_F(HeadTest, AnOutcomeOfATaskItDidNotSendIsIgnored) {
  outcome(99, 0, 1);
  EXPECT_TRUE(sink.rows.empty());
  EXPECT_TRUE(sent.empty());
}

TEST_F(HeadTest, AFrameItCannotUnderstandIsAnError) {
  EXPECT_THROW(head.on_frame(RankId{2}, wire::make_frame(FrameType::run_task)), Error);
  ByteBuffer short_payload;
  short_payload.put<std::uint16_t>(1);
  EXPECT_THROW(head.on_frame(RankId{2}, wire::make_frame(FrameType::submit, std::move(short_payload))), Error);
}

TEST_F(HeadTest, AfterStopDispatchingNothingIsSent) {
  submit(7);
  head.stop_dispatching();
  head.turn();
  EXPECT_TRUE(sent.empty());
}

}  // namespace
}  // namespace crema::head
