#include "wire/link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crema/errors.hpp"
#include "transport/loopback.hpp"

namespace crema::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::size_t large = Link::detached_payload;

/// A frame that carries `number` as its sequence and a payload of this many bytes.
Frame numbered(std::uint64_t number, std::size_t payload_size = 8) {
  ByteBuffer payload;
  if (payload_size > 0) std::memset(payload.extend(payload_size), static_cast<int>(number), payload_size);
  Frame frame = make_frame(FrameType::call, std::move(payload));
  frame.header.sequence = number;
  return frame;
}

std::vector<std::uint64_t> received_numbers(Link& link) {
  std::vector<std::uint64_t> numbers;
  while (const auto received = link.receive()) numbers.push_back(received->frame.header.sequence);
  return numbers;
}

class LinkTest : public ::testing::Test {
 protected:
  transport::LoopbackNetwork network_{3};
  Link zero_{network_.endpoint(RankId{0})};
  Link one_{network_.endpoint(RankId{1})};
  Link two_{network_.endpoint(RankId{2})};
};

TEST_F(LinkTest, TheSmallFramesOfATurnTravelInOnePacket) {
  for (std::uint64_t i = 0; i < 100; ++i) zero_.send(RankId{1}, numbered(i));
  EXPECT_TRUE(network_.log().empty());
  EXPECT_FALSE(zero_.all_sent());
  zero_.flush();
  const auto log = network_.log();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].to, RankId{1});
  EXPECT_EQ(log[0].bytes.size(), 100 * (frame_header_size + 8));
  EXPECT_TRUE(zero_.all_sent());

  const auto numbers = received_numbers(one_);
  ASSERT_EQ(numbers.size(), 100U);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(numbers[i], i);
}

TEST_F(LinkTest, EachRankHasAPacketOfItsOwn) {
  for (std::uint64_t i = 0; i < 10; ++i) zero_.send(RankId{i % 2 == 0 ? 1 : 2}, numbered(i));
  zero_.flush();
  EXPECT_EQ(network_.log().size(), 2U);
  EXPECT_THAT(received_numbers(one_), ElementsAre(0, 2, 4, 6, 8));
  EXPECT_THAT(received_numbers(two_), ElementsAre(1, 3, 5, 7, 9));
}

TEST_F(LinkTest, AFullPacketLeavesBeforeTheTurnEnds) {
  const std::size_t payload = 1000;
  const std::size_t frames = Link::full_packet / (frame_header_size + payload) + 1;
  for (std::uint64_t i = 0; i < frames; ++i) zero_.send(RankId{1}, numbered(i, payload));
  ASSERT_EQ(network_.log().size(), 1U);
  EXPECT_EQ(network_.log()[0].bytes.size(), frames * (frame_header_size + payload));
  zero_.flush();
  EXPECT_EQ(network_.log().size(), 1U) << "nothing was left to send";
}

TEST_F(LinkTest, ALargePayloadTravelsAloneUncopiedAndInItsPlace) {
  Frame big = numbered(2, large);
  const std::byte* storage = big.payload.data();
  zero_.send(RankId{1}, numbered(1));
  zero_.send(RankId{1}, std::move(big));
  zero_.send(RankId{1}, numbered(3));
  zero_.flush();

  const auto log = network_.log();
  ASSERT_EQ(log.size(), 3U);
  EXPECT_EQ(log[0].bytes.size(), 2 * frame_header_size + 8) << "the small frame and the large one's header";
  EXPECT_EQ(log[1].bytes.data(), storage);
  EXPECT_EQ(log[1].bytes.size(), large);

  ASSERT_TRUE(one_.receive());
  const auto received = one_.receive();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->frame.header.sequence, 2U);
  EXPECT_EQ(received->frame.header.flags, 0);
  EXPECT_EQ(received->frame.header.payload_size, large);
  EXPECT_EQ(received->frame.payload.data(), storage);
  EXPECT_THAT(received_numbers(one_), ElementsAre(3));
}

TEST_F(LinkTest, APayloadOneByteShorterStaysInItsPacket) {
  zero_.send(RankId{1}, numbered(1, large - 1));
  zero_.flush();
  ASSERT_EQ(network_.log().size(), 1U);
  EXPECT_EQ(network_.log()[0].bytes.size(), frame_header_size + large - 1);
}

TEST(Link, LargeFramesOfSeveralRanksKeepEachRanksOrderHoweverTheyMingle) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    transport::LoopbackNetwork network{3, seed};
    network.delay_up_to(5);
    Link receiver{network.endpoint(RankId{0})};
    for (const RankId from : {RankId{1}, RankId{2}}) {
      Link sender{network.endpoint(from)};
      for (std::uint64_t i = 0; i < 8; ++i) sender.send(RankId{0}, numbered(i, i % 2 == 0 ? 8 : large + i));
      sender.flush();
    }
    std::vector<std::uint64_t> next(3, 0);
    for (int polls = 0; polls < 1000 && next[1] + next[2] < 16; ++polls) {
      const auto received = receiver.receive();
      if (!received) continue;
      const std::uint64_t number = received->frame.header.sequence;
      ASSERT_EQ(number, next[static_cast<std::size_t>(received->from.number)]++) << "seed " << seed;
      ASSERT_EQ(received->frame.payload.size(), number % 2 == 0 ? 8 : large + number);
      ASSERT_EQ(static_cast<std::uint64_t>(received->frame.payload.data()[0]), number);
    }
    EXPECT_EQ(next[1] + next[2], 16U) << "seed " << seed;
  }
}

TEST_F(LinkTest, AFrameToOneselfNeedsNoTransport) {
  zero_.send(RankId{0}, numbered(1));
  zero_.send(RankId{0}, numbered(2, large));
  EXPECT_FALSE(zero_.receive());
  for (const std::uint64_t number : {1, 2}) {
    const auto frame = zero_.take_local();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->header.sequence, number);
  }
  EXPECT_FALSE(zero_.take_local());
  EXPECT_TRUE(zero_.all_sent());
  EXPECT_TRUE(network_.log().empty());
}

TEST_F(LinkTest, APayloadOfAnotherSizeThanAnnouncedIsAnError) {
  Frame announced = numbered(1, 0);
  announced.header.payload_size = large;
  announced.header.flags = flag_detached_payload;
  ByteBuffer packet;
  append_frame(packet, announced);
  network_.endpoint(RankId{0}).send(RankId{1}, Bytes{std::move(packet)});
  ByteBuffer payload;
  payload.extend(large - 1);
  network_.endpoint(RankId{0}).send(RankId{1}, Bytes{std::move(payload)});
  EXPECT_THAT([&] { static_cast<void>(one_.receive()); },
              ThrowsMessage<Error>(HasSubstr("from rank 0: 65535 bytes came where 65536 were announced")));
}

}  // namespace
}  // namespace crema::wire
