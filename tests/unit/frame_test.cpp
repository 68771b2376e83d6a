#include "wire/frame.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "crema/errors.hpp"

namespace crema::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <class T>
T field_at(const Bytes& packet, std::size_t offset) {
  T value{};
  std::memcpy(&value, packet.data() + offset, sizeof(value));
  return value;
}

ByteBuffer payload_of(std::string_view text) {
  ByteBuffer buffer;
  buffer.append(std::as_bytes(std::span{text}));
  return buffer;
}

Bytes packet_of(std::initializer_list<std::string_view> payloads) {
  ByteBuffer packet;
  for (const std::string_view text : payloads) append_frame(packet, make_frame(FrameType::call, payload_of(text)));
  return Bytes{std::move(packet)};
}

// These two are the table in src/wire/README.md: a number that was released keeps its meaning.

TEST(FrameHeader, EveryFieldLiesWhereThePageSays) {
  const FrameHeader header{.type = FrameType::call,
                           .flags = 0x0102,
                           .lane = LaneId{0x03040506},
                           .payload_size = 0,
                           .sequence = 0x0708090a0b0c0d0e,
                           .acknowledged = 0x1112131415161718,
                           .attempt = 0x191a1b1c,
                           .incarnation = 0x1d1e1f20};
  ByteBuffer buffer;
  append_frame(buffer, {header, {}});
  const Bytes packet{std::move(buffer)};
  ASSERT_EQ(packet.size(), 40U);
  EXPECT_EQ(field_at<std::uint16_t>(packet, 0), 34);
  EXPECT_EQ(field_at<std::uint16_t>(packet, 2), header.flags);
  EXPECT_EQ(field_at<std::uint32_t>(packet, 4), header.lane.number);
  EXPECT_EQ(field_at<std::uint64_t>(packet, 8), header.payload_size);
  EXPECT_EQ(field_at<std::uint64_t>(packet, 16), header.sequence);
  EXPECT_EQ(field_at<std::uint64_t>(packet, 24), header.acknowledged);
  EXPECT_EQ(field_at<std::uint32_t>(packet, 32), header.attempt);
  EXPECT_EQ(field_at<std::uint32_t>(packet, 36), header.incarnation);
  EXPECT_EQ(field_at<std::uint64_t>(packet_of({"mocha"}), 8), 5U);
}

TEST(FrameType, EveryNumberIsTheOneOfThePage) {
  constexpr std::array numbers{std::pair{FrameType::submit, 1},        std::pair{FrameType::get, 2},
                               std::pair{FrameType::ready, 3},         std::pair{FrameType::release, 4},
                               std::pair{FrameType::create_actor, 5},  std::pair{FrameType::find_actor, 6},
                               std::pair{FrameType::cluster, 7},       std::pair{FrameType::driver_done, 8},
                               std::pair{FrameType::outcome, 16},      std::pair{FrameType::pull, 17},
                               std::pair{FrameType::locate_actor, 18}, std::pair{FrameType::heartbeat, 19},
                               std::pair{FrameType::goodbye, 20},      std::pair{FrameType::fatal, 21},
                               std::pair{FrameType::run_task, 32},     std::pair{FrameType::start_actor, 33},
                               std::pair{FrameType::call, 34},         std::pair{FrameType::actor_location, 35},
                               std::pair{FrameType::shutdown, 36},     std::pair{FrameType::leave, 37},
                               std::pair{FrameType::value, 48},        std::pair{FrameType::reply, 49},
                               std::pair{FrameType::refuse_park, 50},  std::pair{FrameType::park, 64},
                               std::pair{FrameType::resume, 65},       std::pair{FrameType::put, 9},
                               std::pair{FrameType::retain, 10},       std::pair{FrameType::pin, 11},
                               std::pair{FrameType::cancel, 12},       std::pair{FrameType::wait, 13},
                               std::pair{FrameType::watch, 14},        std::pair{FrameType::unwatch, 15},
                               std::pair{FrameType::kill_actor, 22},   std::pair{FrameType::create_pool, 23},
                               std::pair{FrameType::call_pool, 24},    std::pair{FrameType::cancel_task, 38},
                               std::pair{FrameType::completed, 51},    std::pair{FrameType::have, 26},
                               std::pair{FrameType::located, 39},      std::pair{FrameType::free, 40},
                               std::pair{FrameType::large_value, 52},  std::pair{FrameType::get_inputs, 66},
                               std::pair{FrameType::fetch, 67},        std::pair{FrameType::object, 68},
                               std::pair{FrameType::status, 27},       std::pair{FrameType::status_request, 41},
                               std::pair{FrameType::accepted, 53},     std::pair{FrameType::handed_back, 28},
                               std::pair{FrameType::hand_back, 42},    std::pair{FrameType::actor_gone, 61},
                               std::pair{FrameType::heard, 62},        std::pair{FrameType::unget, 63},
                               std::pair{FrameType::make_room, 71}};
  for (const auto& [type, number] : numbers) EXPECT_EQ(static_cast<int>(type), number);
  EXPECT_EQ(flag_detached_payload, 1);
  EXPECT_EQ(flag_failed, 2);
  EXPECT_EQ(flag_large_inputs, 4);
  EXPECT_EQ(flag_resources, 8);
  EXPECT_EQ(flag_bounded, 16);
  EXPECT_EQ(flag_sent_again, 512);
  EXPECT_EQ(flag_repeatable, 1024);
  EXPECT_EQ(flag_for_room, 2048);
}

TEST(FrameReader, YieldsTheFramesOfAPacketInOrderAndSharesItsStorage) {
  const Bytes packet = packet_of({"espresso", "", "mocha"});
  FrameReader reader{packet};
  const auto first = reader.next();
  const auto second = reader.next();
  const auto third = reader.next();
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(first->payload.data(), packet.data() + 40);
  EXPECT_EQ(first->payload.size(), 8U);
  EXPECT_EQ(second->payload.size(), 0U);
  EXPECT_EQ(third->payload.data(), packet.data() + 3 * 40 + 8);
  EXPECT_EQ(third->header.type, FrameType::call);
  EXPECT_FALSE(reader.next());
}

TEST(FrameReader, APacketCutAnywhereInsideAFrameIsAnError) {
  const Bytes packet = packet_of({"latte", "mocha"});
  for (std::size_t size = 1; size < packet.size(); ++size) {
    if (size == packet.size() / 2) continue;  // the first frame, whole
    FrameReader reader{packet.slice(0, size)};
    if (size > packet.size() / 2) {
      ASSERT_TRUE(reader.next());
    }
    EXPECT_THROW(static_cast<void>(reader.next()), Error) << "cut to " << size << " bytes";
  }
}

TEST(FrameReader, ASizeBeyondThePacketIsAnErrorThatNamesTheOffset) {
  Frame frame = make_frame(FrameType::call, payload_of("mocha"));
  frame.header.payload_size = ~std::uint64_t{0};
  ByteBuffer packet;
  append_frame(packet, make_frame(FrameType::heartbeat));
  append_frame(packet, frame);
  FrameReader reader{Bytes{std::move(packet)}};
  ASSERT_TRUE(reader.next());
  EXPECT_THAT([&] { static_cast<void>(reader.next()); },
              ThrowsMessage<Error>(HasSubstr("packet of 85 bytes: the frame at offset 40 is cut off")));
}

}  // namespace
}  // namespace crema::wire
