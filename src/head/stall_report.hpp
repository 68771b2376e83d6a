#pragma once

#include <optional>
#include <string>
#include <vector>

#include "head/waits.hpp"
#include "wire/status.hpp"

namespace crema::head {

/// One rank in a stall report.
struct RankStatus {
  std::string name;                    ///< "rank 2 (worker) on node7"
  std::optional<wire::Status> status;  ///< nothing: it did not answer
  bool lost = false;
};

/// Lines of one kind that a stall report has at most; one more tells how many are left out.
inline constexpr std::size_t max_stall_lines = 20;

/// What a run that makes no progress does, a line each: circles of work that waits for each other first, then what
/// every lane runs and what that waits for, then tasks without their inputs, full mailboxes, and what has no room.
/// Empty when nothing runs, waits or is queued but the driver, which waits for nothing. `ranks`: by rank.
std::vector<std::string> stall_report(const std::vector<RankStatus>& ranks, const Waits& waits);

/// Whether all ranks tell that no lane does anything but wait, without a limit of time, and that no actor has a call.
bool nothing_goes_on(const std::vector<RankStatus>& ranks, const Waits& waits);

}  // namespace crema::head
