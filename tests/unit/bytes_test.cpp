#include "crema/bytes.hpp"

#include <gtest/gtest.h>

#include "crema/errors.hpp"

namespace crema {
namespace {

TEST(Bytes, ASliceOutlivesWhatItWasCutFrom) {
  ByteBuffer buffer;
  buffer.put_text("espresso");
  buffer.put_text("mocha");
  Bytes second;
  {
    const Bytes whole{std::move(buffer)};
    second = whole.slice(sizeof(std::uint64_t) + 8, whole.size() - sizeof(std::uint64_t) - 8);
  }
  ByteReader reader{second};
  EXPECT_EQ(reader.get_text(), "mocha");
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Bytes, GrowthKeepsWhatWasWritten) {
  ByteBuffer buffer;
  for (int i = 0; i < 100'000; ++i) buffer.put(i);
  ByteReader reader{Bytes{std::move(buffer)}};
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(reader.get<int>(), i);
}

TEST(Bytes, CompactLeavesALargeStorageBehind) {
  ByteBuffer buffer;
  buffer.extend(1 << 20);
  const Bytes whole{std::move(buffer)};
  const Bytes part = whole.slice(5, 10).compact();
  EXPECT_NE(part.data(), whole.data() + 5);
  EXPECT_EQ(part.size(), 10U);
  EXPECT_EQ(whole.compact().data(), whole.data());
}

TEST(Bytes, AnEmptySliceKeepsNothingAlive) {
  const Bytes whole = Bytes::copy_of(std::as_bytes(std::span{"mocha"}));
  const Bytes nothing = whole.slice(2, 0);
  EXPECT_TRUE(nothing.empty());
  EXPECT_FALSE(whole.shared());
}

TEST(ByteBuffer, StorageIsUsedAgainOnlyIfNobodyElseKeepsIt) {
  ByteBuffer first{100};
  first.put_text("espresso");
  Bytes bytes{std::move(first)};
  const Bytes kept = bytes;
  EXPECT_EQ(ByteBuffer::reuse(std::move(bytes)).data(), nullptr);
  ByteBuffer second{100};
  const std::byte* place = second.data();
  second.put_text("mocha");
  Bytes only{std::move(second)};
  ByteBuffer again = ByteBuffer::reuse(std::move(only));
  EXPECT_EQ(again.data(), place);
  EXPECT_EQ(again.size(), 0U);
  again.put_text("latte");
  EXPECT_EQ(again.data(), place);
  EXPECT_EQ(ByteReader{kept}.get_text(), "espresso");
}

TEST(ByteReader, DamagedInputIsAnErrorNotAReadPastTheEnd) {
  ByteBuffer buffer;
  buffer.put<std::uint64_t>(1'000'000'000'000);
  ByteReader reader{Bytes{std::move(buffer)}};
  EXPECT_THROW(reader.get_sized(), Error);
}

}  // namespace
}  // namespace crema
