#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/run_facts.hpp"
#include "runtime/run_options.hpp"

namespace crema::runtime {

/// How this start begins: anew, or where earlier ones have stopped. Decided on the head alone.
struct RunStart {
  std::filesystem::path output;
  std::filesystem::path journal;  ///< empty: --journal off
  bool resumes = false;           ///< there is a history to go on from
  std::string changed{};          ///< what is not as it was, where that is accepted (--resume=force)
  bool accepts_changes = false;   ///< --resume=force
  /// Of earlier starts, which are no more: the names of their heads' processes.
  std::vector<std::string> ended_processes{};
  bool replaces = false;  ///< a run file of that name is an unfinished one of this run, and may be replaced
  /// The job is not to run: what to say, and the exit code.
  struct Refusal {
    std::string message;
    int exit_code = 2;
  };
  std::optional<Refusal> refusal{};
};

/// Looks at what lies where the run file is to be. With --restart what is there is removed; nothing else is changed.
/// Waits up to the lease of a journal's owner where there is one (journal::wait_until_free).
RunStart decide_start(const RunOptions& options, const RunFacts& facts);

/// Why a run is not resumed.
std::string describe_refusal(const std::filesystem::path& journal, const std::string& difference);

/// Where a run keeps its journal.
std::filesystem::path journal_of(const std::filesystem::path& output);

}  // namespace crema::runtime
