#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/lane_context.hpp"

namespace crema::runtime {

/// What a run's history depends on besides itself. Recorded by each start (the facts of its journal segment); a resume
/// compares.
struct RunFacts {
  std::string job;
  std::string command_line;
  std::string crema_version;
  std::string build;  ///< of the executable: a digest of its bytes
  std::uint64_t seed = 0;
  std::vector<std::string> options{};  ///< the job's own: name and values
  std::vector<InputFile> inputs{};     ///< files that they name
  // Of this start, for /runs.
  std::int64_t started = 0;  ///< nanoseconds since 1970, UTC
  std::uint32_t ranks = 0;
  std::string slurm_job_id;
  std::string process{};  ///< the head's, as record::process_name has it
};
ByteBuffer write(const RunFacts& facts);
/// Throws Error when the bytes are none.
RunFacts read_run_facts(const Bytes& bytes);

/// Build, options and inputs of this process. `cli` is parsed; crema's own options do not count.
void add_facts_of_program(RunFacts& facts, const CLI::App& cli);

/// Empty, or what is not as it was, one difference after the other.
std::string describe_difference(const RunFacts& before, const RunFacts& now);

/// Empty, or which of these files are not as they were. Where a path comes twice, the last one counts.
std::string describe_changed_inputs(const std::vector<InputFile>& before);

}  // namespace crema::runtime
