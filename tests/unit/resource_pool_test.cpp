#include "head/resource_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crema::head {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ResourcePool, CpusAddUp) {
  ResourcePool pool;
  const auto seat = pool.add_seat(RankId{1}, {.cpus = 2});
  EXPECT_TRUE(pool.could_hold(seat, {.cpus = 2}));
  EXPECT_FALSE(pool.could_hold(seat, {.cpus = 2.5}));
  std::vector<ResourcePool::Grant> grants;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(pool.fits(seat, {.cpus = 1.0 / 3}));
    grants.push_back(pool.take(seat, {.cpus = 1.0 / 3}));
  }
  EXPECT_FALSE(pool.fits(seat, {.cpus = 1.0 / 3}));
  EXPECT_NEAR(pool.free({seat}).cpus, 0, 1e-9);
  for (const auto& grant : grants) pool.give_back(grant);
  EXPECT_TRUE(pool.fits(seat, {.cpus = 1}, 1));
  EXPECT_FALSE(pool.fits(seat, {.cpus = 1}, 1.5));
}

TEST(ResourcePool, DevicesThatTwoRanksSeeCountOnceAndAreGivenOnce) {
  ResourcePool pool;
  const Offer offer{.cpus = 4, .gpus = {"0", "1"}, .gpu_owner = "node1"};
  const auto first = pool.add_seat(RankId{1}, offer);
  const auto second = pool.add_seat(RankId{2}, offer);
  const auto elsewhere = pool.add_seat(RankId{3}, {.cpus = 4, .gpus = {"0"}, .gpu_owner = "node2"});
  EXPECT_EQ(pool.total({first, second, elsewhere}).gpus, 3);
  const auto grant = pool.take(first, {.cpus = 1, .gpus = 1});
  EXPECT_THAT(pool.names(grant), ElementsAre("0"));
  EXPECT_THAT(pool.names(pool.take(second, {.cpus = 1, .gpus = 1})), ElementsAre("1"));
  EXPECT_FALSE(pool.fits(second, {.cpus = 1, .gpus = 1}));
  EXPECT_TRUE(pool.fits(elsewhere, {.cpus = 1, .gpus = 1}));
  EXPECT_EQ(pool.free({first, second, elsewhere}).gpus, 1);
  pool.give_back(grant);
  EXPECT_TRUE(pool.fits(second, {.cpus = 1, .gpus = 1}));
}

TEST(ResourcePool, FractionsShareADeviceBeforeTheyOpenAnother) {
  ResourcePool pool;
  const auto seat = pool.add_seat(RankId{1}, {.cpus = 9, .gpus = {"a", "b"}});
  EXPECT_THAT(pool.names(pool.take(seat, {.cpus = 0, .gpus = 0.5})), ElementsAre("a"));
  EXPECT_THAT(pool.names(pool.take(seat, {.cpus = 0, .gpus = 0.25})), ElementsAre("a"));
  EXPECT_THAT(pool.names(pool.take(seat, {.cpus = 0, .gpus = 0.5})), ElementsAre("b"));
  EXPECT_FALSE(pool.fits(seat, {.cpus = 0, .gpus = 1}));
  EXPECT_THAT(pool.names(pool.take(seat, {.cpus = 0, .gpus = 0.25})), ElementsAre("a"));
  EXPECT_THAT(pool.names(pool.take(seat, {.cpus = 0, .gpus = 0.25})), ElementsAre("b"));
}

TEST(ResourcePool, OtherResourcesGoByName) {
  ResourcePool pool;
  const auto seat = pool.add_seat(RankId{1}, {.cpus = 1, .custom = {{"fpga", 2}}});
  EXPECT_TRUE(pool.could_hold(seat, {.cpus = 0, .custom = {{"fpga", 2}}}));
  EXPECT_FALSE(pool.could_hold(seat, {.cpus = 0, .custom = {{"fpga", 3}}}));
  EXPECT_FALSE(pool.could_hold(seat, {.cpus = 0, .custom = {{"tape", 1}}}));
  EXPECT_TRUE(pool.could_hold(seat, {.cpus = 0, .custom = {{"tape", 0}}}));
  pool.take(seat, {.cpus = 0, .custom = {{"fpga", 1.5}, {"tape", 0}}});
  EXPECT_FALSE(pool.fits(seat, {.cpus = 0, .custom = {{"fpga", 1}}}));
  EXPECT_EQ(pool.free({seat}).custom.at("fpga"), 0.5);
}

TEST(ResourcePool, ARefusalSaysWhatWasAskedAndWhatTheLargestHas) {
  ResourcePool pool;
  const std::vector seats{pool.add_seat(RankId{1}, {.cpus = 1}),
                          pool.add_seat(RankId{2}, {.cpus = 4, .gpus = {"0"}, .custom = {{"fpga", 1}}})};
  EXPECT_THAT(pool.refusal({.cpus = 8, .gpus = 2, .custom = {{"tape", 1}}}, seats),
              ::testing::AllOf(HasSubstr("it asks for 8 cpus, 2 gpus, tape=1"),
                               HasSubstr("the largest (rank 2) has 4 cpus, 1 gpus, fpga=1"), HasSubstr("--resources")));
}

}  // namespace
}  // namespace crema::head
