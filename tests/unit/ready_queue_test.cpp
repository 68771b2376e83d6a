#include "common/ready_queue.hpp"

#include <gtest/gtest.h>

#include <random>

namespace crema {
namespace {

TEST(ReadyQueue, AgreesWithASortedMapOverManyPrioritiesThatComeAndGo) {
  ReadyQueue<int> queue;
  std::multimap<RunOrder, int, std::greater<>> expected;  // equal keys keep their order
  std::mt19937 random{1};
  for (int i = 0; i < 50'000; ++i) {
    if (random() % 2 == 0 || expected.empty()) {
      const RunOrder order{static_cast<std::int32_t>(random() % 100), static_cast<std::uint32_t>(random() % 3)};
      queue.push(order, i);
      expected.emplace(order, i);
    } else {
      ASSERT_EQ(queue.front_order(), expected.begin()->first);
      ASSERT_EQ(queue.front(), expected.begin()->second);
      ASSERT_EQ(queue.pop(), expected.begin()->second);
      expected.erase(expected.begin());
    }
    ASSERT_EQ(queue.size(), expected.size());
    ASSERT_EQ(queue.empty(), expected.empty());
  }
}

TEST(ReadyQueue, WhatWasTakenBackComesBeforeItsEquals) {
  ReadyQueue<int> queue;
  queue.push({1, 0}, 1);
  queue.push({1, 0}, 2);
  queue.push({2, 0}, 3);
  queue.push_front({1, 0}, 4);
  EXPECT_EQ(queue.pop(), 3);
  EXPECT_EQ(queue.pop(), 4);
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
}

TEST(ReadyQueue, OfTheDeeperOnesTheFirstIsTheOneOfHighestPriority) {
  ReadyQueue<int> queue;
  queue.push({2, 1}, 1);
  queue.push({1, 3}, 2);
  queue.push({1, 3}, 3);
  queue.push({1, 2}, 4);
  queue.push({0, 9}, 5);
  EXPECT_EQ(queue.pop_deeper(2), 2);
  EXPECT_EQ(queue.pop_deeper(1), 3);
  EXPECT_EQ(queue.pop_deeper(2), 5);
  EXPECT_EQ(queue.pop_deeper(2), std::nullopt);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 4);
}

TEST(ReadyQueue, IsEmptyAfterClearAndUsableAgain) {
  ReadyQueue<int> queue;
  queue.push({1, 0}, 1);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  queue.push({0, 0}, 2);
  EXPECT_EQ(queue.pop(), 2);
}

}  // namespace
}  // namespace crema
