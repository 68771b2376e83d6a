#include "runtime/roles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crema::runtime {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(int ranks) {
  std::vector<std::string> list;
  for (int rank = 0; rank < ranks; ++rank) list.push_back(roles_of(RankId{rank}, ranks).text());
  return list;
}

TEST(Roles, OneRankDoesEverything) {
  EXPECT_THAT(texts(1), ElementsAre("head+actors+worker"));
  EXPECT_THAT(workers_of(1), ElementsAre(RankId{0}));
  EXPECT_THAT(actor_hosts_of(1), ElementsAre(RankId{0}));
}

TEST(Roles, OnTwoRanksTheHeadHostsTheActors) {
  EXPECT_THAT(texts(2), ElementsAre("head+actors", "worker"));
  EXPECT_THAT(workers_of(2), ElementsAre(RankId{1}));
  EXPECT_THAT(actor_hosts_of(2), ElementsAre(RankId{0}));
}

TEST(Roles, FromThreeRanksOnEveryRankHasOne) {
  EXPECT_THAT(texts(3), ElementsAre("head", "actors", "worker"));
  EXPECT_THAT(texts(6), ElementsAre("head", "actors", "worker", "worker", "worker", "worker"));
  EXPECT_THAT(workers_of(6), ElementsAre(RankId{2}, RankId{3}, RankId{4}, RankId{5}));
  EXPECT_THAT(actor_hosts_of(6), ElementsAre(RankId{1}));
}

RankInfo rank_on(const std::string& host) {
  return {.host = host, .pid = 1, .version = "0.1.0", .digest = {0x1234, 0xabcd}};
}

TEST(Ranks, NodesAreDistinctHosts) { EXPECT_EQ(count_nodes({rank_on("a"), rank_on("b"), rank_on("a")}), 2); }

TEST(Ranks, OfOneBuildDoNotDifferWhereverTheyRun) {
  std::vector<RankInfo> ranks{rank_on("a"), rank_on("b")};
  ranks[1].pid = 2;
  EXPECT_EQ(describe_difference(ranks), "");
  EXPECT_EQ(describe_difference({rank_on("a")}), "");
}

TEST(Ranks, OfOtherFunctionsAreNamedWithBothDigests) {
  std::vector<RankInfo> ranks{rank_on("a"), rank_on("a"), rank_on("b")};
  ranks[2].digest[0] = 0x1235;
  EXPECT_EQ(describe_difference(ranks),
            "starting the job: the ranks run different builds "
            "(rank 0 on a: crema 0.1.0, functions 000000000000abcd0000000000001234; "
            "rank 2 on b: crema 0.1.0, functions 000000000000abcd0000000000001235); "
            "start the same executable on all ranks, and copy a rebuilt one to every host");
}

TEST(Ranks, OfAnotherVersionAreNamedToo) {
  std::vector<RankInfo> ranks{rank_on("a"), rank_on("b")};
  ranks[1].version = "0.2.0";
  EXPECT_THAT(describe_difference(ranks), ::testing::HasSubstr("rank 1 on b: crema 0.2.0"));
}

}  // namespace
}  // namespace crema::runtime
