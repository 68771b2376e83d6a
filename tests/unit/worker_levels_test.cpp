#include "head/worker_levels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace crema::head {
namespace {

class WorkerLevelsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 4; ++i) levels.add_worker();
  }
  std::vector<std::uint32_t> take_all() {
    std::vector<std::uint32_t> order;
    while (const auto worker = levels.first()) {
      order.push_back(*worker);
      levels.remove(*worker);
    }
    return order;
  }

  WorkerLevels levels;
};

TEST_F(WorkerLevelsTest, NobodyIsFirstWhereNobodyHasALevel) {
  EXPECT_EQ(levels.first(), std::nullopt);
  levels.put(2, 5);
  levels.remove(2);
  levels.remove(2);
  EXPECT_EQ(levels.first(), std::nullopt);
}

TEST_F(WorkerLevelsTest, LowerLevelsComeFirstThenThoseWhoCameFirst) {
  levels.put(0, 64);
  levels.put(1, WorkerLevels::levels - 1);
  levels.put(2, 63);
  levels.put(3, 64);
  EXPECT_EQ(take_all(), (std::vector<std::uint32_t>{2, 0, 3, 1}));
}

TEST_F(WorkerLevelsTest, AWorkerThatIsPutElsewhereLosesItsTurnAndOneThatStaysKeepsIt) {
  for (const std::uint32_t worker : {0U, 1U, 2U}) levels.put(worker, 7);
  levels.put(0, 8);
  levels.put(0, 7);
  levels.put(1, 7);
  EXPECT_EQ(take_all(), (std::vector<std::uint32_t>{1, 2, 0}));
}

TEST_F(WorkerLevelsTest, AgreesWithASortedListOverManyRandomChanges) {
  constexpr std::uint32_t workers = 50;
  while (levels.first()) levels.remove(*levels.first());
  for (std::uint32_t i = 4; i < workers; ++i) levels.add_worker();
  struct Placed {
    std::uint32_t level, worker;
  };
  std::vector<Placed> list;  // in the order put
  std::mt19937 generator{1};
  const auto random = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(generator() % bound); };
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t worker = random(workers);
    const std::uint32_t level = random(WorkerLevels::levels);
    const auto place = std::find_if(list.begin(), list.end(), [&](const Placed& one) { return one.worker == worker; });
    if (random(3) == 0) {
      levels.remove(worker);
      if (place != list.end()) list.erase(place);
    } else {
      levels.put(worker, level);
      if (place == list.end() || place->level != level) {
        if (place != list.end()) list.erase(place);
        list.push_back({level, worker});
      }
    }
    const auto first =
        std::min_element(list.begin(), list.end(), [](const Placed& a, const Placed& b) { return a.level < b.level; });
    ASSERT_EQ(levels.first(), first == list.end() ? std::nullopt : std::optional{first->worker}) << "step " << i;
  }
}

}  // namespace
}  // namespace crema::head
