#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace crema::runtime {

/// What crema's own options are headed by in --help, which tells them from the job's.
inline constexpr const char* run_options_group = "Options of every crema job";

/// Whether a run may keep a history by default.
inline constexpr bool journal_by_default = true;

/// --resume: not, where nothing has changed, or whatever has changed.
enum class Resume { no, yes, force };

/// The options that every job understands.
struct RunOptions {
  std::string output;  ///< empty: `<job>-<Slurm job id or start time>.h5` in the current folder
  bool journal = journal_by_default;
  Resume resume = Resume::no;
  bool restart = false;
  std::string progress = "auto";
  std::string log_level = "warning";
  std::uint64_t seed = 0;
  int actor_ranks = 1;
  std::uint32_t lanes = 1;            ///< 0: auto
  std::string isolation = "process";  ///< of tasks and actors: process or none
  std::optional<std::chrono::seconds> time_limit;
  std::string resources;
  std::uint64_t memory_budget = 0;  ///< bytes; 0: a part of what the host gives the rank
  std::string spill_folder;         ///< empty: the system's for temporary files
};

/// Adds crema's options to a job's command line. Throws UsageError when the job has an option of the same name.
void add_run_options(CLI::App& cli, RunOptions& options);

/// Throws CLI::ParseError: wrong usage, --help or --version.
void parse(CLI::App& cli, int argc, const char* const* argv);

/// Where the run file goes. A default name that is taken gets a number.
std::filesystem::path output_path(const RunOptions& options, const std::string& job);

}  // namespace crema::runtime
