// What crema costs beside plain MPI. tests/benchmark/run starts it with --raw (plain MPI) on three ranks, as a crema
// job for each of --measure, and on one rank with --report, which sums up the samples of all.
#include <fmt/format.h>

#include <crema/crema.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "crema_side.hpp"
#include "plain_mpi.hpp"
#include "raw_mpi.hpp"
#include "report.hpp"

namespace {

struct Options {
  std::string samples = "samples.csv";
  benchmark::Amounts amounts;
};

void add_options(CLI::App& cli, Options& options) {
  cli.add_option("--samples", options.samples, "CSV file that samples are appended to");
  cli.add_option("--tasks", options.amounts.tasks, "Tasks, and actor calls, in one go")->check(CLI::PositiveNumber);
  cli.add_option("--round-trips", options.amounts.round_trips, "Round trips in one go")->check(CLI::PositiveNumber);
  cli.add_option("--queued", options.amounts.queued, "Tasks queued at a time")->check(CLI::PositiveNumber);
  cli.add_option("--large-bytes", options.amounts.large_bytes, "Size of the large result")
      ->check(CLI::Range(std::uint64_t{1} << 17U, std::uint64_t{1} << 30U));
  cli.add_option("--grain-seconds", options.amounts.grain_seconds, "Work of each point of the curve of task lengths")
      ->check(CLI::PositiveNumber);
  cli.add_option("--launched", options.amounts.launched, "When this program was started, in seconds since 1970");
  cli.add_option("--idle-seconds", options.amounts.idle_seconds, "How long to look at idle ranks")
      ->check(CLI::PositiveNumber);
}

int run_raw(int argc, char** argv) {
  Options options;
  CLI::App cli{"The benchmark's baseline on plain MPI"};
  add_options(cli, options);
  return benchmark::on_plain_mpi(cli, argc, argv, [&] {
    benchmark::need_ranks(3);
    benchmark::measure_raw_mpi(options.amounts, {options.samples, benchmark::baseline});
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--raw") == 0) return run_raw(argc, argv);
  crema::Job job{argc, argv, "What crema costs beside plain MPI"};
  Options options;
  bool report = false;
  std::string measure = "dispatch";
  std::string side{benchmark::defaults};
  add_options(job.cli(), options);
  job.cli().add_flag("--report", report, "Measure nothing, sum up the samples");
  job.cli()
      .add_option("--measure", measure, "What: most figures, on three ranks; or one of the others")
      ->check(CLI::IsMember({"dispatch", "makespan", "journal", "isolation", "losses", "resume"}));
  job.cli()
      .add_option("--side", side, "Of whom the samples are")
      ->check(CLI::IsMember(
          {std::string{benchmark::fastest}, std::string{benchmark::defaults}, std::string{benchmark::baseline}}));
  return job.run([&] {
    if (report) return benchmark::report(options.samples, job.results());
    const benchmark::SamplesFile samples{options.samples, side};
    if (measure == "makespan") return benchmark::measure_makespan(samples, {options.samples, benchmark::baseline});
    if (measure == "journal") return benchmark::measure_journal(options.amounts, samples);
    if (measure == "isolation") return benchmark::measure_isolation(options.amounts, samples);
    if (measure == "losses") return benchmark::measure_losses(samples);
    if (measure == "dispatch") return benchmark::measure_crema(options.amounts, samples);
    fmt::print("there at {:.6f}\n", benchmark::finish_tasks(options.amounts.tasks));
    std::fflush(stdout);
    // The first of two starts is to be gone on from.
    if (std::getenv("CREMA_BENCHMARK_DIES") != nullptr) std::raise(SIGKILL);
  });
}
