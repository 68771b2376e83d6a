#include "head/head.hpp"

#include <gtest/gtest.h>

#include "crema/archive.hpp"
#include "loopback_cluster.hpp"
#include "task_function.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;

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
    task.function = task_function();
    head.on_frame(head_rank, wire::make_frame(FrameType::submit, wire::write(task)));
  }
  void outcome(std::uint64_t id, std::int64_t started, std::int64_t finished, std::uint32_t calls_made = 0,
               bool failed = false) {
    wire::Outcome done;
    done.id = TaskId{id};
    done.function = task_function();
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

/// Lanes that die, told by their rank.
class LostLanes : public HeadTest {
 protected:
  static TaskId made_by(std::uint32_t lane, std::uint64_t count) {
    return TaskId{std::uint64_t{2} << 48 | std::uint64_t{lane} << 32 | count};
  }
  void SetUp() override {
    HeadTest::SetUp();
    head.on_frame(RankId{2}, wire::make_frame(FrameType::pull, wire::write(wire::Pull{4, 0})));
  }
  void submit_child(TaskId id, TaskId parent, std::uint64_t key) {
    wire::TaskSpec task;
    task.id = id;
    task.key = {key, 0};
    task.parent = parent;
    task.function = task_function();
    head.on_frame(RankId{2}, wire::make_frame(FrameType::submit, wire::write(task), LaneId{5}));
  }
  void crash(TaskId id, std::uint32_t attempt) {
    ByteBuffer value;
    wire::write_failure(value, {.kind = Failure::Kind::crashed, .task = id, .attempt = attempt, .type = "SIGSEGV"});
    wire::Outcome lost;
    lost.id = id;
    lost.function = task_function();
    lost.failed = true;
    lost.attempt = attempt;
    lost.value = Bytes{std::move(value)};
    head.on_frame(RankId{2}, wire::make_frame(FrameType::outcome, wire::write(lost)));
  }
  void lose_lane(std::uint32_t lane) {
    head.on_frame(RankId{2}, wire::make_frame(FrameType::lane_lost, {}, LaneId{lane}));
  }
  /// The tasks sent since the last call, with their attempts.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> tasks_sent() {
    head.turn();
    std::vector<std::pair<std::uint64_t, std::uint32_t>> tasks;
    for (const Sent& one : sent) {
      if (one.frame.header.type != FrameType::run_task) continue;
      const wire::TaskSpec task = wire::read_task(one.frame.payload);
      tasks.emplace_back(task.id.number, task.attempt);
    }
    sent.clear();
    return tasks;
  }
  using Tasks = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
};

TEST_F(LostLanes, ACrashCostsAnAttemptAndTheLastOneSaysHowManyThereWere) {
  submit(7);
  for (std::uint32_t attempt = 0; attempt < 4; ++attempt) {
    EXPECT_EQ(tasks_sent(), (Tasks{{7, attempt}}));
    crash(TaskId{7}, attempt);
    crash(TaskId{7}, attempt);  // one that comes late is of no account
  }
  EXPECT_EQ(tasks_sent(), Tasks{});
  get(7, 11);
  const wire::Value value = wire::read_value(sent.at(0).frame.payload);
  ASSERT_TRUE(value.failed);
  ByteReader reader{value.bytes};
  const Failure failure = wire::read_failure(reader);
  EXPECT_EQ(failure.kind, Failure::Kind::crashed);
  EXPECT_EQ(failure.message, " (after 4 attempts)");
  ASSERT_EQ(sink.rows.size(), 4U);
  for (std::uint16_t attempt = 0; attempt < 4; ++attempt) {
    EXPECT_EQ(sink.rows[attempt].attempt, attempt);
    EXPECT_EQ(sink.rows[attempt].state, record::TaskState::crashed);
  }
  driver_done();
  EXPECT_TRUE(head.finished());
}

TEST_F(HeadTest, ACallThatHasEndedPinsNothingMore) {
  create_actor(50);
  submit(7);
  head.turn();
  const wire::Outcome large{.id = TaskId{7}, .function = task_function(), .stored = 1'000'000};
  head.on_frame(RankId{2}, wire::make_frame(FrameType::outcome, wire::write(large)));
  // The call went past the head, and its outcome was faster than what its caller told the head.
  call_outcome(60, 0, ActorId{50});
  head.on_frame(head_rank, wire::make_frame(FrameType::pin, wire::write(wire::Pin{{TaskId{60}, {}}, {TaskId{7}}})));
  sent.clear();
  release(7);
  EXPECT_EQ(types(), std::vector{FrameType::free});
}

TEST_F(LostLanes, CallsOfALostAttemptAreNotWaitedFor) {
  create_actor(50);
  submit(7);
  head.turn();
  call_outcome(60, 7, ActorId{50});  // which the lost attempt made and never told of
  crash(TaskId{7}, 0);
  head.turn();
  call_outcome(61, 7, ActorId{50});  // likewise, late
  driver_done();
  wire::Outcome done;
  done.id = TaskId{7};
  done.function = task_function();
  done.attempt = 1;
  done.calls_made = 1;
  head.on_frame(RankId{2}, wire::make_frame(FrameType::outcome, wire::write(done)));
  EXPECT_FALSE(head.finished());
  wire::Outcome call;
  call.id = TaskId{62};
  call.parent = TaskId{7};
  call.actor = ActorId{50};
  call.work = wire::Outcome::Work::call;
  call.attempt = 1;
  head.on_frame(RankId{1}, wire::make_frame(FrameType::outcome, wire::write(call)));
  EXPECT_TRUE(head.finished());
}

TEST_F(LostLanes, WhatALaneHeldGoesWithIt) {
  submit(7);
  head.turn();
  outcome(7, 0, 1);
  head.on_frame(RankId{2}, wire::make_frame(FrameType::retain, wire::write_ids({TaskId{7}}), LaneId{5}));
  release(7);
  sent.clear();
  get(7, 6);
  EXPECT_EQ(types(), std::vector{FrameType::value}) << "the lane holds it";
  lose_lane(5);
  get(7, 6);
  EXPECT_EQ(types(), std::vector{FrameType::value}) << "nobody holds it, so it is gone";
}

TEST_F(LostLanes, ALostLaneIsToldNothing) {
  submit(7);
  head.turn();
  get(7, 5);
  get(7, 6);
  lose_lane(5);
  sent.clear();
  outcome(7, 0, 1);
  ASSERT_EQ(types(), std::vector{FrameType::value});
  EXPECT_EQ(sent[0].frame.header.lane, LaneId{6});
}

TEST_F(LostLanes, TheNextAttemptTakesOverTheChildrenOfALostOne) {
  submit(7);
  EXPECT_EQ(tasks_sent(), (Tasks{{7, 0}}));
  const TaskId finished = made_by(5, 1);
  const TaskId under_way = made_by(5, 2);
  submit_child(finished, TaskId{7}, 100);
  submit_child(under_way, TaskId{7}, 200);
  EXPECT_EQ(tasks_sent(), (Tasks{{finished.number, 0}, {under_way.number, 0}}));
  outcome(finished.number, 0, 1);
  crash(TaskId{7}, 0);
  lose_lane(5);
  EXPECT_EQ(tasks_sent(), (Tasks{{7, 1}}));
  submit_child(made_by(6, 1), TaskId{7}, 100);
  submit_child(made_by(6, 2), TaskId{7}, 200);
  submit_child(made_by(6, 3), TaskId{7}, 300);
  EXPECT_EQ(tasks_sent(), (Tasks{{made_by(6, 3).number, 0}}));
  get(made_by(6, 1).number, 6);
  get(made_by(6, 2).number, 6);
  EXPECT_EQ(types(), std::vector{FrameType::value});
  outcome(under_way.number, 1, 2);
  EXPECT_EQ(types(), (std::vector{FrameType::value, FrameType::value}));
}

}  // namespace
}  // namespace crema::head
