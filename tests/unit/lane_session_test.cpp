// How a lane of a worker waits where it keeps its slot: where so many others wait that it may not give it up, and for
// its rank to have room.
#include "lane/lane_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "crema/errors.hpp"

namespace crema::lane {
namespace {

using wire::Frame;
using wire::FrameType;

Bytes bytes(const std::string& text) { return Bytes::copy_of(std::as_bytes(std::span{text})); }

/// Refuses each wait that gives up its slot, then has the value that was asked for.
class FullRank final : public Channel {
 public:
  std::optional<Frame> next_work() override { return std::nullopt; }
  std::optional<Frame> poll_reply() override { return std::nullopt; }
  Frame next_reply() override {
    if (replies_.empty()) throw LaneStopped{};
    Frame reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }
  bool cancelled(TaskId) override { return false; }
  bool stopping() override { return false; }
  void runs(TaskId) override {}
  void waits_for_room(ActorId) override {}
  void post(Frame frame, bool) override {
    posted.push_back(frame.header.type);
    if (frame.header.type == FrameType::make_room && has_room) {
      ByteBuffer why;
      if (!refused.empty()) why.put_text(refused);
      Frame reply = wire::make_frame(FrameType::reply, wire::write(wire::Reply{.bytes = Bytes{std::move(why)}}));
      reply.header.sequence = frame.header.sequence;
      replies_.push_back(std::move(reply));
    }
    if (frame.header.type != FrameType::park) return;
    Frame refusal = wire::make_frame(FrameType::refuse_park);
    refusal.header.sequence = frame.header.sequence;
    replies_.push_back(std::move(refusal));
    Frame value{{.type = FrameType::large_value}, bytes("value")};
    value.header.sequence = 7;
    replies_.push_back(std::move(value));
  }

  std::vector<FrameType> posted;
  bool has_room = false;  // for what the lane stores
  std::string refused;    // why not for what it has stored before

 private:
  std::deque<Frame> replies_;
};

class LaneSessionTest : public testing::Test {
 protected:
  FullRank rank;
  std::shared_ptr<LaneSession> session = std::make_shared<LaneSession>(Identity{}, rank, true);
};

TEST_F(LaneSessionTest, InputsThatAreMadeAreWaitedForWithTheSlot) {
  Arguments arguments;
  arguments.bytes = bytes("<>");
  arguments.inputs = {{.offset = 1, .id = TaskId{7}}};
  ByteReader reader = session->gather(arguments, {{.here = false, .location = {.object = {TaskId{7}}}}});
  std::string text(reader.remaining(), '?');
  reader.copy_to(text.data(), text.size());
  EXPECT_EQ(text, "<value>");
  EXPECT_EQ(rank.posted, (std::vector{FrameType::get_inputs, FrameType::park, FrameType::resume}));
}

TEST_F(LaneSessionTest, WhoStoresMoreThanThereMayBeRoomForWaitsWithTheSlot) {
  rank.has_room = true;
  const auto store = [&](std::size_t size) {
    ByteBuffer value;
    value.extend(size);
    session->put({.bytes = Bytes{std::move(value)}});
  };
  const auto asked = [&] { return std::ranges::count(rank.posted, FrameType::make_room); };
  for (int i = 0; i < 5; ++i) store(20 << 20);
  EXPECT_EQ(asked(), 1) << "with 80 MiB on their way, and not with 60";
  for (int i = 0; i < 3; ++i) store(20 << 20);
  EXPECT_EQ(asked(), 1);
  for (int i = 0; i < 10'000; ++i) store(100);
  EXPECT_EQ(asked(), 2) << "small values go to the head";
  EXPECT_EQ(std::ranges::count(rank.posted, FrameType::park), 0);
  rank.refused = "the disk is full";
  for (int i = 0; i < 4; ++i) store(20 << 20);
  try {
    store(100);
    ADD_FAILURE() << "it has stored more";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "storing values: the disk is full");
  }
  rank.refused.clear();
  rank.has_room = false;
  for (int i = 0; i < 4; ++i) store(20 << 20);
  EXPECT_THROW(store(100), LaneStopped) << "it waits until the rank answers";
}

TEST_F(LaneSessionTest, AResultThatMayHaveToBeMadeIsNot) {
  const std::vector<TaskId> ids{TaskId{7}};
  try {
    session->fetch(ids, [](TaskId, Result) { return true; });
    ADD_FAILURE() << "it has waited";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("too many tasks of this rank wait for others already"));
  }
}

}  // namespace
}  // namespace crema::lane
