// What datasets cost beside pyarrow, pandas, plain MPI and a loop by hand. tests/benchmark/run_datasets starts it with
// --raw (plain MPI) on two ranks, as a crema job for each of --measure, and on one rank with --report.
#include <fmt/format.h>

#include <crema/crema.hpp>
#include <cstdio>
#include <cstring>

#include "dataset_side.hpp"
#include "plain_mpi.hpp"
#include "report.hpp"

namespace {

struct Options {
  std::string samples = "samples.csv";
  benchmark::DatasetAmounts amounts;
};

void add_options(CLI::App& cli, Options& options) {
  cli.add_option("--samples", options.samples, "CSV file that samples are appended to");
  cli.add_option("--folder", options.amounts.folder, "Where the input files are");
  cli.add_option("--rows", options.amounts.rows, "Orders, in files and in memory")->check(CLI::PositiveNumber);
  cli.add_option("--map-rows", options.amounts.map_rows, "Doubles that are mapped")->check(CLI::PositiveNumber);
  cli.add_option("--exchange-bytes", options.amounts.exchange_bytes, "Bytes exchanged in one go, in whole MiB")
      ->check(CLI::Validator{[](const std::string& text) {
                               std::uint64_t bytes = 0;
                               const bool fits = CLI::detail::lexical_cast(text, bytes) && bytes > 0 &&
                                                 bytes % (1U << 20U) == 0 && bytes >> 33U == 0;
                               return fits ? std::string{} : "needs whole MiB (1048576 bytes) below 8 GiB, not " + text;
                             },
                             "MiB"});
}

int run_raw(int argc, char** argv) {
  Options options;
  CLI::App cli{"The baseline of exchanges on plain MPI"};
  add_options(cli, options);
  return benchmark::on_plain_mpi(cli, argc, argv, [&] {
    benchmark::need_ranks(2);
    benchmark::measure_raw_exchange(options.amounts, {options.samples, benchmark::baseline});
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--raw") == 0) return run_raw(argc, argv);
  crema::Job job{argc, argv, "What datasets cost beside other libraries"};
  Options options;
  bool report = false;
  std::string measure = "scans";
  std::string side{benchmark::defaults};
  add_options(job.cli(), options);
  job.cli().add_flag("--report", report, "Measure nothing, sum up the samples");
  job.cli()
      .add_option("--measure", measure, "What; or \"inputs\": nothing, but make the files that are read")
      ->check(CLI::IsMember({"inputs", "scans", "groups", "map", "two_workers"}));
  job.cli()
      .add_option("--side", side, "Of whom the samples are")
      ->check(CLI::IsMember({std::string{benchmark::fastest}, std::string{benchmark::defaults}}));
  return job.run([&] {
    if (report) return benchmark::report_datasets(options.samples, job.results());
    const benchmark::SamplesFile samples{options.samples, side};
    if (measure == "inputs") return benchmark::make_inputs(options.amounts);
    if (measure == "two_workers") return benchmark::measure_two_workers(options.amounts, samples);
    if (measure == "scans") return benchmark::measure_scans(options.amounts, samples);
    if (measure == "groups") return benchmark::measure_groups(options.amounts, samples);
    benchmark::measure_map(options.amounts, samples, {options.samples, benchmark::baseline});
  });
}
