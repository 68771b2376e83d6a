#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace crema::runtime {

/// A time limit as Slurm's --time has it: minutes, minutes:seconds, hours:minutes:seconds, days-hours,
/// days-hours:minutes or days-hours:minutes:seconds. Throws UsageError for anything else, zero included.
std::chrono::seconds parse_time_limit(const std::string& text);

/// When a job stops by itself, whose process ends at a known time.
struct StopTimes {
  using Clock = std::chrono::steady_clock;

  Clock::time_point begin;        ///< nothing is started any more
  Clock::time_point tasks_until;  ///< what still runs is given up, and the run file is made
};

/// Of a job that has so much time from now on: it begins to stop 60 s before the end, or 5 % of the time where that is
/// more, but never before half of it; running tasks have three quarters of that.
StopTimes stop_times(StopTimes::Clock::time_point now, std::chrono::seconds left);

/// How long running tasks may take after a signal to stop, where no end is known: as much as before a known end.
inline constexpr std::chrono::seconds tasks_after_signal{45};

/// What Slurm says this process's job has left: from SLURM_JOB_END_TIME, or from squeue, which is waited for up to 5 s.
/// Nothing outside Slurm, without a limit, and where Slurm does not answer. Starts a process: before MPI is.
std::optional<std::chrono::seconds> slurm_time_left();

}  // namespace crema::runtime
