#include "runtime/roles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "crema/errors.hpp"

namespace crema::runtime {

std::string Roles::text() const {
  std::vector<const char*> names;
  if (head) names.push_back("head");
  if (actor_host) names.push_back("actors");
  if (worker) names.push_back("worker");
  return fmt::format("{}", fmt::join(names, "+"));
}

void assign_roles(std::vector<RankInfo>& ranks, int actor_ranks) {
  const int count = static_cast<int>(ranks.size());
  if (const int most = std::max(1, count - 2); actor_ranks < 1 || actor_ranks > most) {
    throw UsageError{fmt::format(
        "--actor-ranks {}: with {} {} it can be {}; one rank is the head and one at least a worker, so start more "
        "ranks",
        actor_ranks, count, count == 1 ? "rank" : "ranks", most == 1 ? "1 only" : fmt::format("1 to {}", most))};
  }
  for (RankInfo& rank : ranks) rank.roles = {.worker = true};
  ranks[0].roles = {.head = true, .actor_host = count <= 2, .worker = count == 1};
  if (count <= 2) return;
  std::vector<std::string> nodes;
  std::map<std::string, std::deque<std::size_t>> candidates;
  for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
    std::deque<std::size_t>& node = candidates[ranks[rank].host];
    if (node.empty()) nodes.push_back(ranks[rank].host);
    node.push_back(rank);
  }
  for (std::size_t turn = 0, chosen = 0; chosen < static_cast<std::size_t>(actor_ranks); ++turn) {
    std::deque<std::size_t>& node = candidates[nodes[turn % nodes.size()]];
    if (node.empty()) continue;
    ranks[node.front()].roles = {.actor_host = true};
    node.pop_front();
    ++chosen;
  }
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
                       info.digest.high, info.digest.low);
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
