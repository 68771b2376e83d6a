#include <gtest/gtest.h>
#include <unistd.h>

#include <crema/crema.hpp>
#include <csignal>
#include <thread>
#include <vector>

#include "loopback_cluster.hpp"
#include "process/zygote.hpp"
#include "processes.hpp"
#include "store/object_exchange.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using wire::Frame;
using wire::FrameType;

// What a lane has put, and the lane dies while it waits for room in the store of its rank.
class LateMessagesTest : public ::testing::Test, private wire::Outbox {
 protected:
  static constexpr std::size_t size = 200'000;

  void make(TaskId id, LaneId lane) {
    ByteBuffer value;
    value.extend(size);
    Frame frame = wire::make_frame(FrameType::object, std::move(value), lane);
    frame.header.sequence = id.number;
    exchange_.on_made(std::move(frame));
  }
  bool hold_message(TaskId id, LaneId lane) {
    Frame frame = wire::make_frame(FrameType::put, wire::write(wire::Put{.id = id, .stored = size}), lane);
    return exchange_.hold(frame);
  }

  store::ObjectStore store_{{.budget = size}, [] {}};
  std::vector<LaneId> resumed_;
  std::vector<FrameType> resumed_types_;
  store::ObjectExchange exchange_{*this, store_, RankId{1}, size, [this](const Frame& frame) {
                                    resumed_.push_back(frame.header.lane);
                                    resumed_types_.push_back(frame.header.type);
                                  }};

 private:
  void send(RankId, Frame) override {}
};

TEST_F(LateMessagesTest, AHeldMessageIsKnownByItsLaneUntilItGoesOn) {
  make(TaskId{1}, LaneId{7});
  EXPECT_FALSE(hold_message(TaskId{1}, LaneId{7}));
  make(TaskId{2}, LaneId{8});
  // The disk's answer is looked at in turn alone.
  EXPECT_TRUE(hold_message(TaskId{2}, LaneId{8}));
  EXPECT_TRUE(exchange_.holds(LaneId{8}));
  EXPECT_FALSE(exchange_.holds(LaneId{7}));
  ASSERT_TRUE(process::comes_true([&] {
    store_.turn();
    return !exchange_.holds(LaneId{8});
  }));
  EXPECT_EQ(resumed_, std::vector{LaneId{8}});
}

TEST_F(LateMessagesTest, WhatALaneSaysBehindAHeldMessageComesBehindIt) {
  make(TaskId{1}, LaneId{7});
  EXPECT_FALSE(hold_message(TaskId{1}, LaneId{7}));
  make(TaskId{2}, LaneId{7});
  EXPECT_TRUE(hold_message(TaskId{2}, LaneId{7}));
  const auto holds = [&](FrameType type, LaneId lane) {
    Frame frame = wire::make_frame(type, wire::write_ids({TaskId{1}}), lane);
    return exchange_.hold(frame);
  };
  EXPECT_TRUE(holds(FrameType::release, LaneId{7}));
  EXPECT_TRUE(holds(FrameType::outcome, LaneId{7}));
  EXPECT_FALSE(holds(FrameType::retain, LaneId{7}));
  EXPECT_FALSE(holds(FrameType::release, LaneId{8}));
  EXPECT_FALSE(holds(FrameType::outcome, LaneId{8}));
  EXPECT_TRUE(process::comes_true([&] {
    store_.turn();
    return !exchange_.holds(LaneId{7});
  }));
  EXPECT_EQ(resumed_types_, (std::vector{FrameType::put, FrameType::release, FrameType::outcome}));
}

TEST_F(LateMessagesTest, WhatOneTaskSaysComesBeforeWhatTheNextHasStored) {
  make(TaskId{1}, LaneId{7});
  EXPECT_FALSE(hold_message(TaskId{1}, LaneId{7}));
  make(TaskId{2}, LaneId{7});
  Frame outcome =
      wire::make_frame(FrameType::outcome, wire::write(wire::Outcome{.id = TaskId{2}, .stored = size}), LaneId{7});
  EXPECT_TRUE(exchange_.hold(outcome));
  Frame release = wire::make_frame(FrameType::release, wire::write_ids({TaskId{1}}), LaneId{7});
  EXPECT_TRUE(exchange_.hold(release));
  make(TaskId{3}, LaneId{7});
  EXPECT_TRUE(hold_message(TaskId{3}, LaneId{7}));
  Frame call = wire::make_frame(FrameType::call, ByteBuffer{}, LaneId{7});
  EXPECT_TRUE(exchange_.hold(call));
  EXPECT_TRUE(process::comes_true([&] {
    store_.turn();
    return !exchange_.holds(LaneId{7});
  }));
  EXPECT_EQ(resumed_types_, (std::vector{FrameType::outcome, FrameType::release, FrameType::put, FrameType::call}));
}

TEST_F(LateMessagesTest, AValueOfWhichNoMessageCameGoesWithItsLane) {
  make(TaskId{1}, LaneId{7});  // there is room
  make(TaskId{2}, LaneId{7});  // it waits for some
  make(TaskId{3}, LaneId{8});
  exchange_.on_lane_lost(LaneId{7});
  EXPECT_FALSE(store_.contains(TaskId{1}));
  EXPECT_FALSE(store_.contains(TaskId{2}));
  EXPECT_TRUE(process::comes_true([&] {
    store_.turn();
    return store_.keeps_up();
  }));
  EXPECT_TRUE(store_.contains(TaskId{3}));
  EXPECT_FALSE(hold_message(TaskId{3}, LaneId{8}));
  EXPECT_TRUE(resumed_.empty());
}

int put_and_die() {
  const std::vector<char> value(3 << 20, 'x');
  std::vector<Future<std::vector<char>>> kept;
  for (int i = 0; i < 3; ++i) kept.push_back(crema::put(value));
  std::raise(SIGKILL);
  return 0;
}

// A rank whose lanes are processes, and whose store has room for one value.
TEST(LaneLosses, WhatALaneHadPutIsLetGoWhenItDies) {
  process::Zygote zygote;
  LoopbackCluster cluster{1};
  cluster.options.zygote = &zygote;
  cluster.options.isolated = true;
  cluster.options.store.budget = 4 << 20;
  std::string type;
  const int code = cluster.run_all([&] {
    try {
      with(TaskOptions{.max_retries = 0}).remote<put_and_die>().get();
    } catch (const TaskError& error) {
      type = error.failure().type;
    }
    std::this_thread::sleep_for(300ms);  // the values go a moment after their task
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(type, "SIGKILL");
  EXPECT_EQ(cluster.objects_left, 0U);
}

}  // namespace
}  // namespace crema
