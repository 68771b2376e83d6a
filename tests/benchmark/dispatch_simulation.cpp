// How far one head goes: the real head and a simulated machine of up to 100,000 workers, in virtual time. Prints a
// table and writes it as CSV.
#include <fmt/format.h>
#include <fmt/os.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "simulated_machine.hpp"
#include "stopwatch.hpp"
#include "task_lengths.hpp"

namespace {

using benchmark::Lengths;

struct Options {
  std::vector<std::uint32_t> workers{10, 100, 1'000, 10'000, 100'000};
  std::vector<double> task_seconds{0.001, 0.01, 0.1, 1, 10};
  std::uint32_t slots = 1;
  std::size_t tasks_a_slot = 20;
  std::size_t max_tasks = 1'000'000;
  int repeat = 1;
  std::string output = "dispatch_simulation.csv";
  double latency_us = 2;
  double bandwidth_gb = 10;
  double overhead_us = 0.5;
  double hold_us = 0;
  benchmark::Driver driver;
};

struct Row {
  Lengths lengths;
  double task_seconds = 0;
  std::uint32_t workers = 0;
  std::size_t tasks = 0;
  double efficiency = 0;
  benchmark::Simulated simulated;
};

constexpr const char* header =
    "lengths,task_seconds,workers,slots,tasks,efficiency,tasks_per_second,head_busy,"
    "head_ns_per_task,frames_per_turn\n";

void parse(CLI::App& cli, Options& options) {
  cli.add_option("--workers", options.workers, "Ranks that run tasks")->check(CLI::PositiveNumber);
  cli.add_option("--slots", options.slots, "Tasks a worker runs at a time")->check(CLI::PositiveNumber);
  cli.add_option("--task-seconds", options.task_seconds, "Mean length of the tasks")->check(CLI::PositiveNumber);
  cli.add_option("--tasks-a-slot", options.tasks_a_slot, "Tasks of a run, for each slot")->check(CLI::PositiveNumber);
  cli.add_option("--max-tasks", options.max_tasks, "Tasks of a run at most")->check(CLI::PositiveNumber);
  cli.add_option("--latency", options.latency_us, "Of a message, in us")->check(CLI::NonNegativeNumber);
  cli.add_option("--bandwidth", options.bandwidth_gb, "Of the head's link, in GB/s")->check(CLI::PositiveNumber);
  cli.add_option("--overhead", options.overhead_us, "CPU time of sending or receiving a message, in us")
      ->check(CLI::NonNegativeNumber);
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

Row measure(const Options& options, Lengths lengths, double task_seconds, std::uint32_t workers) {
  const std::uint32_t slots = workers * options.slots;
  Row row{lengths, task_seconds, workers, std::min(options.tasks_a_slot * slots, options.max_tasks), 0, {}};
  const std::vector<double> tasks = benchmark::task_lengths(lengths, task_seconds, row.tasks);
  const benchmark::Machine machine{workers,
                                   options.slots,
                                   {options.latency_us * 1e-6, options.bandwidth_gb * 1e9, options.overhead_us * 1e-6},
                                   options.hold_us * 1e-6};
  std::vector<benchmark::Simulated> runs;
  for (int i = 0; i < options.repeat; ++i) runs.push_back(benchmark::simulate(machine, options.driver, tasks));
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.makespan < b.makespan; });
  row.simulated = runs[runs.size() / 2];
  row.efficiency = benchmark::list_scheduling_makespan(tasks, slots) / row.simulated.makespan;
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"How far one head goes: the real head on a simulated machine"};
  Options options;
  parse(cli, options);
  CLI11_PARSE(cli, argc, argv);
  auto csv = fmt::output_file(options.output);
  csv.print(header);
  fmt::print("{:<9}{:>9}{:>9}{:>7}{:>10}{:>12}{:>10}{:>11}{:>14}{:>13}\n", "lengths", "task", "workers", "slots",
             "tasks", "efficiency", "tasks/s", "head busy", "head ns/task", "frames/turn");
  for (const Lengths lengths : {Lengths::constant, Lengths::pareto}) {
    const char* const name = lengths == Lengths::constant ? "constant" : "pareto";
    for (const double task_seconds : options.task_seconds) {
      for (const std::uint32_t workers : options.workers) {
        const Row row = measure(options, lengths, task_seconds, workers);
        const double rate = static_cast<double>(row.tasks) / row.simulated.makespan;
        const double head_ns = row.simulated.head_per_task * 1e9;
        fmt::print("{:<9}{:>6} ms{:>9}{:>7}{:>10}{:>12.3f}{:>10.3g}{:>11.3f}{:>14.0f}{:>13.1f}\n", name,
                   task_seconds * 1e3, workers, options.slots, row.tasks, row.efficiency, rate, row.simulated.head_busy,
                   head_ns, row.simulated.frames_a_turn);
        csv.print("{},{},{},{},{},{:.4f},{:.6g},{:.4f},{:.1f},{:.2f}\n", name, task_seconds, workers, options.slots,
                  row.tasks, row.efficiency, rate, row.simulated.head_busy, head_ns, row.simulated.frames_a_turn);
      }
    }
  }
}
