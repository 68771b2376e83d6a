#include "runtime/run_options.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "common/version.hpp"
#include "crema/errors.hpp"
#include "runtime/end_time.hpp"
#include "runtime/resources.hpp"

namespace crema::runtime {
namespace {

constexpr const char* group = run_options_group;

constexpr std::uint32_t max_lanes = 4096;

}  // namespace

void add_run_options(CLI::App& cli, RunOptions& options) try {
  cli.add_option("--output", options.output,
                 "Run file with results and timings; never overwritten [<job>-<start time or Slurm job id>.h5]")
      ->type_name("FILE.h5")
      ->group(group);
  cli.add_option_function<std::string>(
         "--journal", [&options](const std::string& text) { options.journal = text == "on"; },
         "Keep a history beside the run file while the job runs, from which --resume goes on")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off")
      ->default_str(journal_by_default ? "on" : "off")
      ->group(group);
  const auto resume = [&options](const CLI::results_t& values) {
    const std::string text = values.empty() ? "" : values.front();
    if (!text.empty() && text != "force" && text != "true")
      throw CLI::ValidationError{"--resume", fmt::format("\"{}\" is no way to resume; the only one is force", text)};
    options.resume = text == "force" ? Resume::force : Resume::yes;
    return true;
  };
  CLI::Option* resumes =
      cli.add_option("--resume", resume,
                     "Go on with the unfinished run of this --output, or of this folder; with =force also where the "
                     "program, its options or inputs have changed")
          ->expected(0, 1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)  // scripts add it to what the user says
          ->type_name("[=force]")
          ->group(group);
  cli.add_flag("--restart", options.restart, "Begin anew, and remove what an earlier run of this --output has left")
      ->excludes(resumes)
      ->group(group);
  cli.add_option("--progress", options.progress, "Progress on stderr: auto (a bar on a terminal), bar, plain or off")
      ->check(CLI::IsMember({"auto", "bar", "plain", "off"}))
      ->type_name("STYLE")
      ->default_str(options.progress)
      ->group(group);
  cli.add_option("--log-level", options.log_level, "Least level logged: trace, debug, info, warning, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}))
      ->type_name("LEVEL")
      ->default_str(options.log_level)
      ->group(group);
  cli.add_option("--actor-ranks", options.actor_ranks, "Ranks that host actors, spread over the nodes")
      ->type_name("K")
      ->default_str(std::to_string(options.actor_ranks))
      ->group(group);
  cli.add_option_function<std::string>(
         "--lanes",
         [&options](const std::string& text) {
           const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.lanes);
           if (text == "auto") {
             options.lanes = 0;
           } else if (error != std::errc{} || end != text.data() + text.size() || options.lanes < 1 ||
                      options.lanes > max_lanes) {
             throw CLI::ValidationError{
                 "--lanes", fmt::format("\"{}\" is neither a number from 1 to {} nor auto", text, max_lanes)};
           }
         },
         "Tasks that a worker rank runs at a time: a number, or auto for as many as it has cores")
      ->type_name("K|auto")
      ->default_str("1")
      ->group(group);
  cli.add_option(
         "--isolation", options.isolation,
         "Where tasks and actors run: process (one that crashes costs one attempt) or none (threads of the rank: "
         "lowest latency, for debuggers); a job of one rank always has none")
      ->check(CLI::IsMember({"process", "none"}))
      ->type_name("KIND")
      ->default_str(options.isolation)
      ->group(group);
  cli.add_option_function<std::string>(
         "--resources",
         [&options](const std::string& text) {
           try {
             static_cast<void>(parse_resources(text));
           } catch (const UsageError& error) {
             throw CLI::ValidationError{error.what()};
           }
           options.resources = text;
         },
         "What each rank offers to tasks and actors beyond what is found, as in gpus=2,fpga=1,cpus=8")
      ->type_name("NAME=N,…")
      ->group(group);
  cli.add_option_function<std::string>(
         "--time-limit",
         [&options](const std::string& text) {
           try {
             options.time_limit = parse_time_limit(text);
           } catch (const UsageError& error) {
             throw CLI::ValidationError{"--time-limit", error.what()};
           }
         },
         "Stop in time to end within so long, as Slurm writes it: minutes, minutes:seconds, days-hours:minutes [what "
         "Slurm leaves the job]")
      ->type_name("TIME")
      ->group(group);
  cli.add_option("--memory-budget", options.memory_budget,
                 "Results a rank keeps in memory, and memory of former ones, as in 512MiB; what is beyond goes to "
                 "--spill-dir [30 % of the rank's share of the host's memory]")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber)
      ->type_name("SIZE")
      ->group(group);
  cli.add_option("--spill-dir", options.spill_folder,
                 "Folder on a local disk for results that memory does not hold [SLURM_TMPDIR, TMPDIR or /tmp]")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR")
      ->group(group);
  cli.add_option("--seed", options.seed, "Seed of this_task().rng(): another seed, other random numbers")
      ->type_name("N")
      ->default_str(std::to_string(options.seed))
      ->group(group);
  cli.set_version_flag("--version", fmt::format("crema {}", version), "Print crema's version and exit")->group(group);
  cli.set_help_flag("-h,--help", "Print this help and exit")->group(group);
} catch (const CLI::OptionAlreadyAdded& error) {
  throw UsageError{
      fmt::format("an option of this job has the name of one of crema's own ({}): rename the job's option where it is "
                  "added to cli()",
                  error.what())};
}

void parse(CLI::App& cli, int argc, const char* const* argv) { cli.parse(argc, argv); }

std::filesystem::path output_path(const RunOptions& options, const std::string& job) {
  if (!options.output.empty()) return options.output;
  const char* slurm_job = std::getenv("SLURM_JOB_ID");
  const std::string start =
      slurm_job != nullptr
          ? slurm_job
          : fmt::format("{:%Y%m%d-%H%M%S}",
                        fmt::localtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  std::filesystem::path path = fmt::format("{}-{}.h5", job, start);
  for (int number = 2; std::filesystem::exists(path); ++number) path = fmt::format("{}-{}-{}.h5", job, start, number);
  return path;
}

}  // namespace crema::runtime
