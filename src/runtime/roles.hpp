#pragma once

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "crema/ids.hpp"

namespace crema::runtime {

/// Who does what. Rank 0 is the head, rank 1 hosts actors, the others are workers; with two ranks the head hosts the
/// actors, one rank does everything.
struct Roles {
  bool head = false;
  bool actor_host = false;
  bool worker = false;

  /// "head", "head+actors", …: for the run file and the log.
  [[nodiscard]] std::string text() const;
};

/// What every rank tells every other before anything else.
struct RankInfo {
  std::string host;
  std::int64_t pid = 0;
  std::string version;              ///< of crema
  Digest digest{};                  ///< of the registered functions
  std::string usage_problem{};      ///< empty, or why its command line cannot be used
  std::string cores{};              ///< it may run on, as usable_cores lists them
  std::vector<std::string> gpus{};  ///< it sees
  std::string resources{};          ///< its --resources
  std::uint64_t processes = 0;      ///< among which its pid counts, as process_space gives it
  Roles roles{};                    ///< not told: assign_roles gives the same on every rank

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& host& pid& version& digest.high& digest.low& usage_problem& cores& gpus& resources& processes;
  }
};

/// Gives every rank its roles. From three ranks on, `actor_ranks` of them host actors: rank 1, then the first rank of
/// each further node, then the second of each, so that they are spread over the nodes.
/// Throws UsageError unless one rank besides the head is left as a worker.
void assign_roles(std::vector<RankInfo>& ranks, int actor_ranks);

int count_nodes(const std::vector<RankInfo>& ranks);

/// Empty when all ranks run the same functions of the same crema; else what differs, for the user.
std::string describe_difference(const std::vector<RankInfo>& ranks);
/// Empty, or the first rank's problem with its command line.
std::string describe_wrong_usage(const std::vector<RankInfo>& ranks);

}  // namespace crema::runtime
