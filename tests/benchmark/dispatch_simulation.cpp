// How far one head goes: the real head and a simulated machine of up to 100,000 workers, in virtual time. Prints a
// table and writes it as CSV.
#include <fmt/format.h>
#include <fmt/os.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "simulated_machine.hpp"
#include "task_lengths.hpp"

namespace {

using benchmark::Lengths;

struct Options {
  std::vector<std::uint32_t> slots{10, 100, 1'000, 10'000, 100'000};
  std::vector<std::uint32_t> slots_a_rank{1, 100};
  std::vector<double> task_seconds{0.001, 0.01, 0.1, 1, 10};
  std::size_t tasks_a_slot = 20;
  std::size_t max_tasks = 1'000'000;
  int repeat = 1;
  std::string output = "dispatch_simulation.csv";
  double latency_us = 2;
  double bandwidth_gb = 10;
  double overhead_us = 0.5;
  bool awake = false;
  double hold_us = 0;
  benchmark::Driver driver;
};

struct Row {
  Lengths lengths;
  double task_seconds = 0;
  std::uint32_t slots = 0;
  std::uint32_t ranks = 0;  // that run tasks
  std::size_t tasks = 0;
  double efficiency = 0;
  benchmark::Simulated simulated;
};

void parse(CLI::App& cli, Options& options) {
  cli.add_option("--slots", options.slots, "Tasks that run at a time, on all ranks")->check(CLI::PositiveNumber);
  cli.add_option("--slots-a-rank", options.slots_a_rank, "How many of them on one rank")->check(CLI::PositiveNumber);
  cli.add_option("--task-seconds", options.task_seconds, "Mean length of the tasks")->check(CLI::PositiveNumber);
  cli.add_option("--tasks-a-slot", options.tasks_a_slot, "Tasks of a run, for each slot")->check(CLI::PositiveNumber);
  cli.add_option("--max-tasks", options.max_tasks, "Tasks of a run at most")->check(CLI::PositiveNumber);
  cli.add_option("--latency", options.latency_us, "Of a message, in us")->check(CLI::NonNegativeNumber);
  cli.add_option("--bandwidth", options.bandwidth_gb, "Of the head's link, in GB/s")->check(CLI::PositiveNumber);
  cli.add_option("--overhead", options.overhead_us, "CPU time of sending or receiving a message, in us")
      ->check(CLI::NonNegativeNumber);
  cli.add_flag("--awake", options.awake, "Ranks look for messages all the time");
  cli.add_option("--hold", options.hold_us, "How long a worker keeps outcomes to send them together, in us")
      ->check(CLI::NonNegativeNumber);
  cli.add_option("--driver-rate", options.driver.rate, "Tasks that the driver submits a second")
      ->check(CLI::PositiveNumber);
  cli.add_flag("--queued", options.driver.queued_at_start, "All tasks are submitted before time begins");
  cli.add_option("--priorities", options.driver.priorities, "Different priorities")->check(CLI::PositiveNumber);
  cli.add_option("--repeat", options.repeat, "Runs, of which the one of median makespan counts")
      ->check(CLI::PositiveNumber);
  cli.add_option("--output", options.output, "CSV file to write");
}

Row measure(const Options& options, Lengths lengths, double task_seconds, std::uint32_t slots,
            std::uint32_t slots_a_rank) {
  const std::size_t count = std::min(options.tasks_a_slot * slots, options.max_tasks);
  const std::vector<double> tasks = benchmark::task_lengths(lengths, task_seconds, count);
  const benchmark::Machine machine{slots / slots_a_rank,
                                   slots_a_rank,
                                   {options.latency_us * 1e-6, options.bandwidth_gb * 1e9, options.overhead_us * 1e-6},
                                   !options.awake,
                                   options.hold_us * 1e-6};
  std::vector<benchmark::Simulated> runs;
  for (int i = 0; i < options.repeat; ++i) runs.push_back(benchmark::simulate(machine, options.driver, tasks));
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.makespan < b.makespan; });
  const benchmark::Simulated& middle = runs[runs.size() / 2];
  return {lengths,         task_seconds, slots,
          machine.workers, count,        benchmark::list_scheduling_makespan(tasks, slots) / middle.makespan,
          middle};
}

class Table {
 public:
  explicit Table(const std::string& csv) : csv_{fmt::output_file(csv)} {
    csv_.print(
        "lengths,task_seconds,slots,ranks,tasks,efficiency,tasks_per_second,head_busy,head_ns_per_task,"
        "frames_per_turn\n");
    fmt::print("{:<9}{:>12}{:>9}{:>8}{:>10}{:>12}{:>10}{:>11}{:>14}{:>13}\n", "lengths", "task", "slots", "ranks",
               "tasks", "efficiency", "tasks/s", "head busy", "head ns/task", "frames/turn");
  }
  void add(const Row& row) {
    const char* const name = row.lengths == Lengths::constant ? "constant" : "pareto";
    const double rate = static_cast<double>(row.tasks) / row.simulated.makespan;
    const double head_ns = row.simulated.head_per_task * 1e9;
    fmt::print("{:<9}{:>9g} ms{:>9}{:>8}{:>10}{:>12.3f}{:>10.3g}{:>11.3f}{:>14.0f}{:>13.1f}\n", name,
               row.task_seconds * 1e3, row.slots, row.ranks, row.tasks, row.efficiency, rate, row.simulated.head_busy,
               head_ns, row.simulated.frames_a_turn);
    csv_.print("{},{},{},{},{},{:.4f},{:.6g},{:.4g},{:.1f},{:.2f}\n", name, row.task_seconds, row.slots, row.ranks,
               row.tasks, row.efficiency, rate, row.simulated.head_busy, head_ns, row.simulated.frames_a_turn);
  }

 private:
  fmt::ostream csv_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"How far one head goes: the real head on a simulated machine"};
  Options options;
  parse(cli, options);
  CLI11_PARSE(cli, argc, argv);
  try {
    Table table{options.output};
    for (const Lengths lengths : {Lengths::constant, Lengths::pareto})
      for (const std::uint32_t slots_a_rank : options.slots_a_rank)
        for (const double task_seconds : options.task_seconds)
          for (const std::uint32_t slots : options.slots)
            if (slots % slots_a_rank == 0) table.add(measure(options, lengths, task_seconds, slots, slots_a_rank));
  } catch (const std::exception& error) {
    fmt::print(stderr, "dispatch_simulation: {}\n", error.what());
    return 1;
  }
}
