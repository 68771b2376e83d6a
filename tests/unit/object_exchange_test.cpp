// What a lane posts behind a value for which there is no room yet.
#include "store/object_exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "temporary_folder.hpp"
#include "woken.hpp"

namespace crema::store {
namespace {

using ::testing::ElementsAre;
using wire::Frame;
using wire::FrameType;

constexpr RankId me{1};
constexpr LaneId lane{3};
constexpr std::size_t size = 1 << 20;

class Sent final : public wire::Outbox {
 public:
  void send(RankId to, Frame frame) override {
    EXPECT_EQ(to, me);
    frames.push_back(std::move(frame));
  }
  std::vector<Frame> frames;
};

/// A rank whose memory has room for one value.
class ObjectExchangeTest : public ::testing::Test {
 protected:
  void make(std::uint64_t id) {
    ByteBuffer value;
    value.extend(size);
    Frame made{{.type = FrameType::object, .lane = lane, .payload_size = size}, Bytes{std::move(value)}};
    made.header.sequence = id;
    exchange_.on_made(std::move(made));
  }
  bool post_put(std::uint64_t id, TaskId by = {}) {
    Frame frame =
        wire::make_frame(FrameType::put, wire::write(wire::Put{.id = TaskId{id}, .parent = by, .stored = size}), lane);
    return exchange_.hold(frame);
  }
  bool post_make_room(std::uint64_t sequence, TaskId by = {}) {
    Frame frame = wire::make_frame(FrameType::make_room, wire::write_ids({by}), lane);
    frame.header.sequence = sequence;
    return exchange_.hold(frame);
  }
  /// What a lane hears whose message has passed.
  std::string answer(const Frame& asked) {
    sent_.frames.clear();
    exchange_.on_make_room(asked);
    EXPECT_EQ(sent_.frames.at(0).header.type, FrameType::reply);
    EXPECT_EQ(sent_.frames[0].header.lane, lane);
    EXPECT_EQ(sent_.frames[0].header.sequence, asked.header.sequence);
    const wire::Reply reply = wire::read_reply(sent_.frames[0].payload);
    EXPECT_EQ(reply.error, "");
    return reply.bytes.empty() ? "" : std::string{ByteReader{reply.bytes}.get_text()};
  }
  void wait_for_the_disk() {
    woken_.wait(store_, [&] { return !exchange_.holds(lane); });
  }

  testing::TemporaryFolder folder_;
  testing::Woken woken_;
  Sent sent_;
  std::vector<Frame> passed_;
  ObjectStore store_{{.budget = size, .spill_folder = folder_.path()}, [this] { woken_.wake(); }};
  ObjectExchange exchange_{sent_, store_, me, size, [this](Frame frame) { passed_.push_back(std::move(frame)); }};
};

TEST_F(ObjectExchangeTest, ALaneThatWaitsForRoomWaitsForAllThatItHasMade) {
  EXPECT_FALSE(post_make_room(1)) << "it has made nothing";
  make(11);
  EXPECT_FALSE(post_put(11));
  EXPECT_FALSE(post_make_room(2));
  make(12);
  EXPECT_TRUE(post_put(12));
  make(13);
  EXPECT_TRUE(post_put(13));
  EXPECT_TRUE(post_make_room(3));
  EXPECT_TRUE(passed_.empty());
  wait_for_the_disk();
  std::vector<FrameType> types;
  for (const Frame& frame : passed_) types.push_back(frame.header.type);
  EXPECT_THAT(types, ElementsAre(FrameType::put, FrameType::put, FrameType::make_room));

  EXPECT_EQ(answer(passed_.back()), "");
}

TEST_F(ObjectExchangeTest, ALaneHearsWhyWhatItHasStoredIsNotThere) {
  const TaskId task{77};
  std::filesystem::remove_all(folder_.path());
  for (const TaskId by : {task, TaskId{}}) {
    passed_.clear();
    for (std::uint64_t id = 1; id < 4; ++id) {
      make(10 * id + by.number);
      (void)post_put(10 * id + by.number, by);
    }
    EXPECT_TRUE(post_make_room(3, task));
    EXPECT_TRUE(post_make_room(4, task));
    wait_for_the_disk();
    ASSERT_GE(passed_.size(), 3U);
    const Frame& first = passed_[passed_.size() - 2];
    if (by == task) {
      EXPECT_THAT(answer(first), ::testing::HasSubstr("No such file or directory"));
    } else {
      EXPECT_EQ(answer(first), "") << "what another has stored is not this one's failure";
    }
    EXPECT_EQ(answer(passed_.back()), "") << "it is told once";
  }
}

}  // namespace
}  // namespace crema::store
