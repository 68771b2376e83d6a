#include "process/mapped_slots.hpp"

#include <gtest/gtest.h>

#include <set>

namespace crema::process {
namespace {

/// Notes what is mapped and unmapped.
class MappedSlotsTest : public ::testing::Test {
 protected:
  bool use(std::uint32_t slot, std::size_t bytes) {
    return mapped_.use(
        slot, bytes, 100, [&] { return there_.insert(slot).second; }, [&](std::uint32_t other) { unmap(other); });
  }
  void unmap(std::uint32_t slot) {
    EXPECT_FALSE(in_use_.contains(slot));
    EXPECT_EQ(there_.erase(slot), 1U);
  }

  MappedSlots mapped_;
  std::set<std::uint32_t> there_;
  std::set<std::uint32_t> in_use_;
};

TEST_F(MappedSlotsTest, OneIsMappedOnceAndCountedByItsMost) {
  EXPECT_TRUE(use(1, 10));
  EXPECT_TRUE(use(1, 30));
  EXPECT_TRUE(use(1, 20));
  EXPECT_EQ(mapped_.bytes(), 30U);
  mapped_.grow(1, 50, 100, [](std::uint32_t) {});
  EXPECT_EQ(mapped_.bytes(), 50U);
  mapped_.forget(1);
  mapped_.let_go(1);
  EXPECT_EQ(mapped_.bytes(), 0U);
}

TEST_F(MappedSlotsTest, OneThatCannotBeMappedIsNotInUse) {
  const auto refuse = [] { return false; };
  EXPECT_FALSE(mapped_.use(1, 10, 100, refuse, [](std::uint32_t) {}));
  EXPECT_EQ(mapped_.bytes(), 0U);
  EXPECT_TRUE(use(1, 10));
}

TEST_F(MappedSlotsTest, OthersThatAreNotInUseGoByChance) {
  in_use_ = {1, 2};
  for (const std::uint32_t slot : {1, 2}) use(slot, 20);
  std::set<std::uint32_t> ever;
  for (std::uint32_t slot = 3; slot < 60; ++slot) {
    EXPECT_TRUE(use(slot, 20));
    EXPECT_LE(mapped_.bytes(), 100U);
    EXPECT_EQ(mapped_.bytes(), 20 * there_.size());
    mapped_.let_go(slot);
    ever.insert(there_.begin(), there_.end());
  }
  EXPECT_EQ(ever.size(), 59U);
  EXPECT_EQ(there_.size(), 5U);
  // Where all are in use none goes.
  EXPECT_TRUE(use(77, 1000));
  EXPECT_EQ(mapped_.bytes(), 1040U);
  EXPECT_EQ(there_, (std::set<std::uint32_t>{1, 2, 77}));
}

TEST_F(MappedSlotsTest, NoMoreThanSoManyAreMapped) {
  for (std::uint32_t slot = 0; slot < MappedSlots::most + 100; ++slot) {
    use(slot, 0);
    mapped_.let_go(slot);
  }
  EXPECT_EQ(there_.size(), MappedSlots::most);
}

}  // namespace
}  // namespace crema::process
