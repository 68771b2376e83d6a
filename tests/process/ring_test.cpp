#include "process/ring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "crema/errors.hpp"

namespace crema::process {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(seed * 31 + i * 7);
  return bytes;
}

RecordHead numbered(std::uint64_t number, std::size_t size) {
  RecordHead head;
  head.work = number;
  head.header.sequence = number * 3;
  head.header.payload_size = size;
  return head;
}

class RingTest : public ::testing::Test {
 protected:
  explicit RingTest(std::size_t size = 1000) : bytes_(size) {}

  bool write(std::uint64_t number, std::size_t size) {
    return writer_.write(numbered(number, size), pattern(size, number));
  }

  /// Checks all records that are there against write(first, ...), write(first + 1, ...); returns how many there were.
  std::uint64_t check_from(std::uint64_t first) {
    RecordReader records{reader_.take()};
    std::uint64_t number = first;
    while (const auto record = records.next()) {
      EXPECT_EQ(record->work, number);
      EXPECT_EQ(record->frame.header.sequence, number * 3);
      const auto expected = pattern(record->frame.header.payload_size, number);
      EXPECT_TRUE(std::ranges::equal(record->frame.payload.span(), expected)) << "record " << number;
      ++number;
    }
    return number - first;
  }

  RingPositions positions_;
  std::vector<std::byte> bytes_;
  RingWriter writer_{positions_, bytes_};
  RingReader reader_{positions_, bytes_};
};

TEST_F(RingTest, WhatIsWrittenIsSeenOncePublished) {
  ASSERT_TRUE(write(1, 100));
  EXPECT_TRUE(reader_.empty());
  EXPECT_EQ(check_from(1), 0U);
  EXPECT_TRUE(writer_.publish());
  EXPECT_FALSE(writer_.publish());
  EXPECT_FALSE(reader_.empty());
  EXPECT_EQ(check_from(1), 1U);
  EXPECT_TRUE(reader_.empty());
}

TEST_F(RingTest, RecordsOfEverySizeGoRoundTheEnd) {
  std::uint64_t next = 1;
  for (std::size_t turn = 0; turn < 2000; ++turn) {
    ASSERT_TRUE(write(next, turn % 400));
    ASSERT_TRUE(write(next + 1, turn * 7 % 400));
    writer_.publish();
    ASSERT_EQ(check_from(next), 2U);
    next += 2;
  }
  EXPECT_GT(positions_.written.load(), 100 * bytes_.size());
}

TEST_F(RingTest, ARecordMayFillTheRingToItsLastByte) {
  const std::size_t most = bytes_.size() - RingWriter::size_of(0);
  EXPECT_FALSE(write(1, most + 1));
  ASSERT_TRUE(write(1, most));
  writer_.publish();
  EXPECT_FALSE(writer_.has_room(1));
  EXPECT_EQ(check_from(1), 1U);
  EXPECT_TRUE(writer_.has_room(bytes_.size()));
}

TEST_F(RingTest, AFullRingTakesNothingAndTellsOfRoomOnce) {
  std::uint64_t written = 0;
  while (write(written + 1, 50)) ++written;
  ASSERT_GT(written, 3U);
  writer_.publish();
  EXPECT_FALSE(reader_.writer_waits());
  EXPECT_TRUE(writer_.ask_for_room(RingWriter::size_of(50)));
  EXPECT_EQ(check_from(1), written);
  EXPECT_TRUE(reader_.writer_waits());
  EXPECT_FALSE(reader_.writer_waits());
  EXPECT_FALSE(writer_.ask_for_room(RingWriter::size_of(50)));
  ASSERT_TRUE(write(written + 1, 50));
  writer_.publish();
  EXPECT_EQ(check_from(written + 1), 1U);
}

TEST_F(RingTest, OfAPayloadInTheArenaTheRingHasThePlace) {
  RecordHead head = numbered(1, 1 << 20);
  head.header.flags |= wire::flag_detached_payload;
  const PassedPayload told{7, PassedPayload::Kind::held, 8, 9, 10};
  ASSERT_TRUE(writer_.write(head, std::as_bytes(std::span{&told, 1})));
  ASSERT_TRUE(write(2, 10));
  writer_.publish();
  RecordReader records{reader_.take()};
  const auto apart = records.next();
  ASSERT_TRUE(apart);
  EXPECT_EQ(apart->frame.header.payload_size, 1U << 20);
  EXPECT_EQ(apart->frame.header.flags, 0U);
  EXPECT_TRUE(apart->frame.payload.empty());
  ASSERT_TRUE(apart->passed);
  EXPECT_EQ(std::memcmp(&*apart->passed, &told, sizeof told), 0);
  const auto behind = records.next();
  ASSERT_TRUE(behind);
  EXPECT_EQ(behind->work, 2U);
  EXPECT_FALSE(behind->passed);
  EXPECT_EQ(behind->frame.payload.size(), 10U);
  EXPECT_FALSE(records.next());
}

TEST_F(RingTest, DamagedPositionsAreAnError) {
  positions_.written.store(bytes_.size() + 1);
  EXPECT_THAT([&] { reader_.take(); }, ThrowsMessage<Error>(HasSubstr("the memory was overwritten")));
}

TEST_F(RingTest, ADamagedRecordIsAnError) {
  ASSERT_TRUE(writer_.write(numbered(1, 500), pattern(499, 1)));  // says one byte more than there is
  writer_.publish();
  RecordReader records{reader_.take()};
  EXPECT_THAT([&] { records.next(); }, ThrowsMessage<Error>(HasSubstr("offset 0")));
}

TEST_F(RingTest, APlaceThatIsCutOffIsAnError) {
  RecordHead head = numbered(1, 1 << 20);
  head.header.flags |= wire::flag_detached_payload;
  ASSERT_TRUE(writer_.write(head, pattern(sizeof(PassedPayload) - 1, 1)));
  writer_.publish();
  RecordReader records{reader_.take()};
  EXPECT_THAT([&] { records.next(); }, ThrowsMessage<Error>(HasSubstr("offset 0")));
}

class SmallRingTest : public RingTest {
 protected:
  SmallRingTest() : RingTest{4096} {}
};

TEST_F(SmallRingTest, TwoThreadsSeeTheSameBytes) {
  constexpr std::uint64_t count = 100'000;
  std::thread writing{[this] {
    std::minstd_rand random{42};
    for (std::uint64_t number = 1; number <= count; ++number) {
      const std::size_t size = random() % 700;
      while (!write(number, size)) {
        writer_.publish();
        if (writer_.ask_for_room(RingWriter::size_of(size))) std::this_thread::yield();
      }
      if (random() % 4 == 0) writer_.publish();
    }
    writer_.publish();
  }};
  std::uint64_t next = 1;
  while (next <= count) {
    const std::uint64_t read = check_from(next);
    if (read == 0) std::this_thread::yield();
    next += read;
  }
  writing.join();
  EXPECT_EQ(next, count + 1);
}

}  // namespace
}  // namespace crema::process
