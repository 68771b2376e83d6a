#include "runtime/roles.hpp"

#include <fmt/format.h>

#include <set>

namespace crema::runtime {

std::string Roles::text() const {
  std::vector<const char*> names;
  if (head) names.push_back("head");
  if (actor_host) names.push_back("actors");
  if (worker) names.push_back("worker");
  return fmt::format("{}", fmt::join(names, "+"));
}

Roles roles_of(RankId rank, int ranks) {
  if (ranks == 1) return {true, true, true};
  if (ranks == 2) return {rank.number == 0, rank.number == 0, rank.number == 1};
  return {rank.number == 0, rank.number == 1, rank.number > 1};
}

namespace {

template <class Has>
std::vector<RankId> ranks_with(int ranks, Has has) {
  std::vector<RankId> found;
  for (int rank = 0; rank < ranks; ++rank)
    if (has(roles_of(RankId{rank}, ranks))) found.emplace_back(rank);
  return found;
}

}  // namespace

std::vector<RankId> workers_of(int ranks) {
  return ranks_with(ranks, [](Roles roles) { return roles.worker; });
}

std::vector<RankId> actor_hosts_of(int ranks) {
  return ranks_with(ranks, [](Roles roles) { return roles.actor_host; });
}

int count_nodes(const std::vector<RankInfo>& ranks) {
  std::set<std::string> hosts;
  for (const RankInfo& rank : ranks) hosts.insert(rank.host);
  return static_cast<int>(hosts.size());
}

std::string describe_difference(const std::vector<RankInfo>& ranks) {
  const auto describe = [&](std::size_t rank) {
    const RankInfo& info = ranks[rank];
    return fmt::format("rank {} on {}: crema {}, functions {:016x}{:016x}", rank, info.host, info.version,
                       info.digest[1], info.digest[0]);
  };
  for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
    if (ranks[rank].digest == ranks[0].digest && ranks[rank].version == ranks[0].version) continue;
    return "starting the job: the ranks run different builds (" + describe(0) + "; " + describe(rank) +
           "); start the same executable on all ranks, and copy a rebuilt one to every host";
  }
  return {};
}

std::string describe_wrong_usage(const std::vector<RankInfo>& ranks) {
  for (const RankInfo& rank : ranks)
    if (!rank.usage_problem.empty()) return rank.usage_problem;
  return {};
}

}  // namespace crema::runtime
