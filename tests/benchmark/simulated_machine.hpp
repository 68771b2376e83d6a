#pragma once

#include <cstdint>
#include <span>

namespace benchmark {

/// What a message costs.
struct Network {
  double latency = 2e-6;     ///< seconds, from one rank to another
  double bandwidth = 10e9;   ///< bytes a second, of the head's link, each way
  double overhead = 0.5e-6;  ///< seconds of CPU that sending or receiving a message takes from either rank
};

struct Machine {
  std::uint32_t workers = 1;  ///< ranks that run tasks
  std::uint32_t slots = 1;    ///< tasks a worker runs at a time
  Network network{};
  bool sleeps = true;  ///< idle ranks look for messages as the runtime does, less often the longer they are idle
  double hold = 0;     ///< seconds that a worker keeps an outcome for others to travel with it
};

/// What the driver does before it waits.
struct Driver {
  double rate = 2e6;             ///< tasks submitted a second, as far as the head takes them
  std::int32_t priorities = 1;   ///< tasks have these in turn
  bool queued_at_start = false;  ///< instead: all tasks are with the head when time begins
};

struct Simulated {
  double makespan = 0;       ///< seconds from the first submit to the head's knowing the last outcome
  double head_busy = 0;      ///< share of the makespan in which the head had something to do
  double head_per_task = 0;  ///< seconds of the head's code a task: measured, submission included
  double frames_a_turn = 0;  ///< outcomes and submitted tasks that the head takes at a time
};

/// Runs tasks of these lengths (seconds) in virtual time. The head and its link are the real ones, and their code's
/// CPU time is what virtual time advances by while they run; workers, driver, network and MPI are simulated. Workers
/// follow the protocol: a pull at the start, tasks in the order they came, a message with each outcome.
Simulated simulate(const Machine& machine, const Driver& driver, std::span<const double> tasks);

}  // namespace benchmark
