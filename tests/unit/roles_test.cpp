#include "runtime/roles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crema/errors.hpp"

namespace crema::runtime {
namespace {

using ::testing::ElementsAre;

RankInfo rank_on(const std::string& host) {
  return {.host = host, .pid = 1, .version = "0.1.0", .digest = {.high = 0xabcd, .low = 0x1234}};
}

/// Roles of ranks on these hosts, a letter each.
std::vector<std::string> texts(const std::string& hosts, int actor_ranks = 1) {
  std::vector<RankInfo> ranks;
  for (const char host : hosts) ranks.push_back(rank_on(std::string(1, host)));
  assign_roles(ranks, actor_ranks);
  std::vector<std::string> list;
  for (const RankInfo& rank : ranks) list.push_back(rank.roles.text());
  return list;
}

TEST(Roles, OneRankDoesEverything) { EXPECT_THAT(texts("a"), ElementsAre("head+actors+worker")); }

TEST(Roles, OnTwoRanksTheHeadHostsTheActors) { EXPECT_THAT(texts("aa"), ElementsAre("head+actors", "worker")); }

TEST(Roles, FromThreeRanksOnEveryRankHasOne) {
  EXPECT_THAT(texts("aaa"), ElementsAre("head", "actors", "worker"));
  EXPECT_THAT(texts("aaaaaa"), ElementsAre("head", "actors", "worker", "worker", "worker", "worker"));
  EXPECT_THAT(texts("aaaaa", 3), ElementsAre("head", "actors", "actors", "actors", "worker"));
}

TEST(Roles, ActorRanksAreSpreadOverTheNodes) {
  EXPECT_THAT(texts("aaabbbcc", 2),
              ElementsAre("head", "actors", "worker", "actors", "worker", "worker", "worker", "worker"));
  EXPECT_THAT(texts("aaabbbcc", 5),
              ElementsAre("head", "actors", "actors", "actors", "actors", "worker", "actors", "worker"));
  EXPECT_THAT(texts("abb", 1), ElementsAre("head", "actors", "worker"));
}

std::string refusal(const std::string& hosts, int actor_ranks) {
  try {
    texts(hosts, actor_ranks);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(Roles, OneWorkerMustBeLeft) {
  EXPECT_EQ(
      refusal("aaaa", 3),
      "--actor-ranks 3: with 4 ranks it can be 1 to 2; one rank is the head and one at least a worker, so start more "
      "ranks");
  EXPECT_EQ(
      refusal("a", 2),
      "--actor-ranks 2: with 1 rank it can be 1 only; one rank is the head and one at least a worker, so start more "
      "ranks");
  EXPECT_THAT(refusal("aaaa", 0), ::testing::HasSubstr("--actor-ranks 0"));
  EXPECT_EQ(refusal("aaaa", 2), "");
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
  ranks[2].digest.low = 0x1235;
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
