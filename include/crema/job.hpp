#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

namespace crema {

class Results;

/// One program run on all ranks of an MPI launch; without a launcher, on one rank.
class Job {
 public:
  /// Keeps argc and argv for run(); starts nothing. `description` is shown by --help.
  Job(int argc, char** argv, std::string description);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// The job's command line: bind own options to variables here, before run. crema's own options join it in run.
  [[nodiscard]] CLI::App& cli();

  /// Parses the command line, starts MPI, runs `driver` on the head once and every other rank as a worker or actor host
  /// until all work is done, and writes the run file. Returns the same exit code on every rank: 0 done; 1 the driver or
  /// a task failed; 2 wrong usage or unreadable input; 75 stopped early, or without ranks that run tasks: to be
  /// resumed. Call once, from main. Where user code does not come back from a failed job, the process ends here.
  [[nodiscard]] int run(const std::function<void()>& driver);

  /// What goes into the run file's /results. For the driver; throws UsageError elsewhere.
  [[nodiscard]] Results& results();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace crema
