// What the head makes of a lost rank or lane where work has ended and its value is that of other work.
#include <gtest/gtest.h>

#include <algorithm>

#include "head/head.hpp"
#include "loopback_cluster.hpp"
#include "task_function.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;

constexpr RankId worker{2};
constexpr RankId other_worker{3};

class HeadLosses : public testing::Test, protected wire::Outbox {
 protected:
  void send(RankId to, Frame frame) override { sent.emplace_back(to, std::move(frame)); }

  void SetUp() override { let_work(worker); }
  void let_work(RankId rank) { head.on_frame(rank, wire::make_frame(FrameType::pull, wire::write(wire::Pull{8, 0}))); }
  void submit(RankId from, TaskId id, TaskId parent = {}, std::uint64_t key = 0, std::vector<Input> inputs = {}) {
    wire::TaskSpec task;
    task.arguments.inputs = std::move(inputs);
    task.id = id;
    task.key = {key, 0};
    task.parent = parent;
    task.function = task_function();
    head.on_frame(from, wire::make_frame(FrameType::submit, wire::write(task)));
    head.turn();
  }
  void end(RankId from, wire::Outcome outcome) {
    outcome.function = task_function();
    head.on_frame(from, wire::make_frame(FrameType::outcome, wire::write(outcome)));
    head.turn();
  }
  void returns_future_of(RankId from, TaskId id, TaskId source, std::uint32_t attempt = 0) {
    ByteBuffer value;
    value.put(source);
    end(from,
        {.id = id, .forwards = true, .attempt = attempt, .carried = {{source, {}}}, .value = Bytes{std::move(value)}});
  }
  void release(RankId from, TaskId id, LaneId lane = {}) {
    head.on_frame(from, wire::make_frame(FrameType::release, wire::write_ids({id}), lane));
  }
  std::size_t times_sent(TaskId id) const {
    std::size_t times = 0;
    for (const auto& [to, frame] : sent)
      if (frame.header.type == FrameType::run_task && wire::read_task(frame.payload).id == id) ++times;
    return times;
  }

  std::vector<std::pair<RankId, Frame>> sent;
  MemorySink sink;
  store::ObjectStore store{{}, [] {}};
  Head head{*this, sink, store, Layout{1, 4, {worker, other_worker}, {RankId{1}}}, 0, [] { return std::int64_t{1}; }};
};

TEST_F(HeadLosses, AnAttemptThatHasEndedIsNotMadeAgainThoughItsValueIsToCome) {
  const TaskId outer{7};
  const TaskId inner{8};
  submit(head_rank, outer);
  ASSERT_EQ(times_sent(outer), 1U);
  let_work(other_worker);
  submit(head_rank, inner);
  ASSERT_EQ(sent.back().first, other_worker);
  returns_future_of(worker, outer, inner);
  EXPECT_EQ(head.lose_rank(worker, "a host", "a test"), "");
  head.turn();
  EXPECT_EQ(times_sent(outer), 1U);
  end(other_worker, {.id = inner});
  head.on_frame(head_rank, wire::make_frame(FrameType::driver_done, lane::write(lane::DriverResult{})));
  EXPECT_EQ(head.progress().finished, 2U);
  EXPECT_TRUE(head.finished());
}

TEST_F(HeadLosses, AChildThatWasTakenOverLivesAsLongAsWhatStandsForIt) {
  const TaskId parent{7};
  const TaskId child{std::uint64_t{2} << 48 | std::uint64_t{5} << 32 | 1};
  const TaskId again{std::uint64_t{2} << 48 | std::uint64_t{6} << 32 | 1};
  submit(head_rank, parent);
  submit(worker, child, parent, 100);
  end(worker, {.id = child, .stored = 1'000'000});
  ByteBuffer failure;
  wire::write_failure(failure, {.kind = Failure::Kind::crashed, .task = parent});
  end(worker, {.id = parent, .failed = true, .value = Bytes{std::move(failure)}});
  head.on_frame(worker, wire::make_frame(FrameType::lane_lost, {}, LaneId{5}));
  ASSERT_EQ(times_sent(parent), 2U);
  submit(worker, again, parent, 100);
  EXPECT_EQ(times_sent(again), 0U);
  returns_future_of(worker, parent, again, 1);
  release(worker, again, LaneId{6});

  sent.clear();
  head.on_frame(head_rank, wire::make_frame(FrameType::get, wire::write_ids({parent}), LaneId{1}));
  ASSERT_EQ(sent.size(), 1U);
  ASSERT_EQ(sent[0].second.header.type, FrameType::located);
  EXPECT_EQ(wire::read_located(sent[0].second.payload).location.object.id, child);
  sent.clear();
  release(head_rank, parent, LaneId{1});
  EXPECT_FALSE(sent.empty()) << "the value is let go with the last that needs it";
}

/// A large value, what is made of it, and futures of that, all of which are gone.
class LostAliases : public HeadLosses {
 protected:
  void SetUp() override {
    HeadLosses::SetUp();
    submit(head_rank, needed);
    end(worker, {.id = needed, .stored = 1'000'000});
    submit(head_rank, made, {}, 1, {{.id = needed}});
    end(worker, {.id = made, .stored = 1'000'000});
    for (const TaskId alias : {first, second}) {
      submit(head_rank, alias);
      returns_future_of(worker, alias, made);
    }
    release(head_rank, needed);
  }
  void lose() {
    let_work(other_worker);
    EXPECT_EQ(head.lose_rank(worker, "a host", "a test"), "");
  }
  /// Somebody asks, and what that takes runs.
  void make(TaskId wanted) {
    sent.clear();
    head.on_frame(head_rank, wire::make_frame(FrameType::get, wire::write_ids({wanted}), LaneId{1}));
    head.turn();
    for (const TaskId id : {needed, made}) {
      EXPECT_EQ(times_sent(id), 1U);
      end(other_worker, {.id = id, .attempt = 1, .stored = 1'000'000});
    }
  }
  bool is_freed(TaskId id) const {
    return std::ranges::any_of(sent, [id](const auto& to_and_frame) {
      const Frame& frame = to_and_frame.second;
      return frame.header.type == FrameType::free && wire::read_ids(frame.payload).front() == id;
    });
  }

  static constexpr TaskId needed{1};
  static constexpr TaskId made{2};
  static constexpr TaskId first{3};
  static constexpr TaskId second{4};
};

TEST_F(LostAliases, HoldWhatTheValueIsMadeOfOnlyUntilItIsThere) {
  release(head_rank, made);
  lose();
  make(first);
  EXPECT_TRUE(is_freed(needed));
  EXPECT_FALSE(is_freed(made));
  for (const TaskId alias : {first, second}) release(head_rank, alias);
  EXPECT_TRUE(is_freed(made));
}

TEST_F(LostAliases, HoldNothingWhenTheValueIsMadeForAnother) {
  lose();
  make(made);
  EXPECT_TRUE(is_freed(needed));
  for (const TaskId future : {made, first, second}) release(head_rank, future);
  EXPECT_TRUE(is_freed(made));
}

/// Each large value made of the one before, of which only the last is held, and all of which are gone.
class LostChain : public HeadLosses {
 protected:
  void SetUp() override {
    HeadLosses::SetUp();
    for (std::uint64_t i = first.number; i <= last.number; ++i) {
      submit(head_rank, TaskId{i}, {}, i, i == 1 ? std::vector<Input>{} : std::vector{Input{.id = TaskId{i - 1}}});
      end(worker, {.id = TaskId{i}, .stored = 1'000'000});
      if (i > first.number) release(head_rank, TaskId{i - 1});
    }
    let_work(other_worker);
    EXPECT_EQ(head.lose_rank(worker, "a host", "a test"), "");
    head.turn();
    sent.clear();
  }

  // The head's stack would not hold a call for each.
  static constexpr TaskId first{1};
  static constexpr TaskId last{200'000};
};

TEST_F(LostChain, IsMadeAgainFromItsBeginning) {
  head.on_frame(head_rank, wire::make_frame(FrameType::get, wire::write_ids({last}), LaneId{1}));
  head.turn();
  EXPECT_EQ(times_sent(first), 1U);
  end(other_worker, {.id = first, .attempt = 1, .stored = 1'000'000});
  EXPECT_EQ(times_sent(TaskId{2}), 1U);
}

TEST_F(LostChain, HoldsNothingOnceNobodyCanAskForIt) {
  release(head_rank, last, LaneId{1});
  const TaskId next{last.number + 1};
  submit(head_rank, next, {}, next.number, {{.id = first}});
  EXPECT_EQ(times_sent(first) + times_sent(next), 0U) << "nothing tells how to make it";
}

}  // namespace
}  // namespace crema::head
