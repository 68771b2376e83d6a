// What keeps many small things in little memory: slabs, tables by id, short lists.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/bytes_slab.hpp"
#include "common/id_table.hpp"
#include "common/short_list.hpp"

namespace crema {
namespace {

Bytes text(BytesSlab& slab, const std::string& characters) {
  return slab.copy_of(std::as_bytes(std::span{characters.data(), characters.size()}));
}

std::string text(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

TEST(BytesSlab, PiecesLieTogetherAndOutliveTheSlab) {
  std::optional<BytesSlab> slab{std::in_place};
  const Bytes first = text(*slab, "flat");
  const Bytes second = text(*slab, "white");
  EXPECT_EQ(second.data(), first.data() + first.size());
  std::vector<Bytes> many;
  many.reserve(10'000);
  for (int i = 0; i < 10'000; ++i) many.push_back(text(*slab, std::to_string(i)));
  slab.reset();
  EXPECT_EQ(text(first) + text(second), "flatwhite");
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(text(many[static_cast<std::size_t>(i)]), std::to_string(i));
}

TEST(BytesSlab, ABlockGoesWithTheLastOfItsPieces) {
  std::optional<BytesSlab> slab{std::in_place};
  const Bytes first = text(*slab, "flat");
  {
    const Bytes second = text(*slab, "white");
    slab.reset();
    EXPECT_TRUE(first.shared());
  }
  EXPECT_FALSE(first.shared());
}

TEST(BytesSlab, LargePiecesHaveStorageOfTheirOwn) {
  BytesSlab slab;
  const Bytes large = text(slab, std::string(BytesSlab::largest_piece + 1, 'x'));
  EXPECT_FALSE(large.shared());
  EXPECT_EQ(slab.compact(large).data(), large.data());
  EXPECT_TRUE(text(slab, "").empty());
}

TEST(BytesSlab, PiecesMayGoOnAnotherThread) {
  BytesSlab slab;
  std::vector<Bytes> pieces;
  pieces.reserve(100'000);
  for (int i = 0; i < 100'000; ++i) pieces.push_back(text(slab, "cortado"));
  std::thread other{[pieces = std::move(pieces)]() mutable {
    for (Bytes& piece : pieces) {
      EXPECT_EQ(text(piece), "cortado");
      piece = {};
    }
  }};
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(text(text(slab, "lungo")), "lungo");
  other.join();
}

TEST(IdTable, EntriesEndWithTheirIdOrTheTable) {
  const auto counted = std::make_shared<int>(7);
  {
    IdTable<std::shared_ptr<int>> table;
    for (std::uint64_t id = 0; id < 1'000; ++id) table[id * 3] = counted;
    EXPECT_EQ(table.size(), 1'000U);
    EXPECT_EQ(counted.use_count(), 1'001);
    EXPECT_EQ(table.find(1), nullptr);
    for (std::uint64_t id = 0; id < 500; ++id) table.erase(id * 3);
    table.erase(0);
    EXPECT_EQ(counted.use_count(), 501);
    EXPECT_EQ(table.find(0), nullptr);
    EXPECT_EQ(**table.find(1'500), 7);
    std::size_t visited = 0;
    table.for_each([&](std::uint64_t id, const std::shared_ptr<int>&) { visited += id % 3 == 0 ? 1 : 0; });
    EXPECT_EQ(visited, 500U);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(ShortList, HoldsNoneOneAndMany) {
  ShortList<int> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
  std::vector<int> expected;
  for (int i = 1; i <= 5; ++i) {
    list.push_back(i);
    expected.push_back(i);
    EXPECT_EQ((std::vector<int>{list.begin(), list.end()}), expected);
    EXPECT_FALSE(list.empty());
  }
  list = {};
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace crema
